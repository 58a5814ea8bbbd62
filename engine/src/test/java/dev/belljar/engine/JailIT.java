package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.belljar.Sandbox;
import dev.belljar.engine.vmm.Cgroups;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What confines QEMU, as this host's kernel says it in /proc. */
@Timeout(60)
@SuppressWarnings("NullAway.Init") // by find, before each test
class JailIT {
  private static Sandbox sandbox;
  private Path qemu;

  @BeforeAll
  static void create() {
    sandbox = Sandbox.create();
    sandbox.sh("echo up").text();
  }

  @BeforeEach
  void find() {
    qemu = Path.of("/proc/" + HostProcesses.ownQemus(1).getFirst().pid());
  }

  @AfterAll
  static void close() {
    sandbox.close();
  }

  @Test
  void itRunsAsAUserOfItsOwnWhereWeAreRoot() throws IOException {
    int own = (Integer) Files.getAttribute(Path.of("/proc/self"), "unix:uid");
    List<String> ids = List.of(status(qemu, "Uid").split("\\s+", -1));
    assertThat(ids).hasSize(4);
    assertThat(Set.copyOf(ids)).hasSize(1);
    assertThat(status(qemu, "Gid")).isEqualTo(status(qemu, "Uid"));
    assertThat(Integer.parseInt(ids.getFirst()))
        .matches(id -> own == 0 ? id == 65_534 || id >= 1_900_000_000 : id == own);
    if (own == 0) {
      assertThat(status(qemu, "Groups")).isEmpty();
    }
  }

  @Test
  void noneOfItsThreadsHasCapabilitiesOrCanGainPrivileges() throws IOException {
    try (Stream<Path> threads = Files.list(qemu.resolve("task"))) {
      assertThat(threads)
          .hasSizeGreaterThan(1)
          .allSatisfy(
              thread -> {
                for (String set : List.of("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")) {
                  assertThat(status(thread, set)).as(set).isEqualTo("0000000000000000");
                }
                assertThat(status(thread, "NoNewPrivs")).isEqualTo("1");
                assertThat(status(thread, "Seccomp")).as("a filter").isEqualTo("2");
              });
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup"})
  void itHasNamespacesOfItsOwn(String name) throws IOException {
    assertThat(Files.readSymbolicLink(qemu.resolve("ns").resolve(name)))
        .isNotEqualTo(Files.readSymbolicLink(Path.of("/proc/self/ns").resolve(name)));
  }

  @Test
  void itsNetworkIsEmpty() throws IOException {
    // Two lines of heading, and at most a loopback that is down.
    List<String> interfaces = Files.readAllLines(qemu.resolve("net/dev"));
    assertThat(interfaces.subList(2, interfaces.size())).allMatch(line -> line.contains("lo:"));
    assertThat(Files.readAllLines(qemu.resolve("net/route"))).hasSizeLessThanOrEqualTo(1);
  }

  @Test
  void itsRootHoldsOnlyWhatItNeeds() throws IOException {
    assertThat(names(qemu.resolve("root")))
        .contains("image", "template", "machine")
        .isSubsetOf(
            "dev",
            "image",
            "layers",
            "lib",
            "lib64",
            "machine",
            "restored.so",
            "template",
            "tmp",
            "usr");
    // Places for disks that this one does not have.
    for (String layer : names(qemu.resolve("root/layers"))) {
      assertThat(names(qemu.resolve("root/layers").resolve(layer))).isEmpty();
    }
  }

  @Test
  void itsDevicesAreNullAndKvmAtMost() throws IOException {
    assertThat(names(qemu.resolve("root/dev"))).isSubsetOf("null", "kvm");
  }

  @Test
  void allButItsOwnDirectoryIsReadOnly() throws IOException {
    for (String line : Files.readAllLines(qemu.resolve("mountinfo"))) {
      String[] fields = line.split(" ", -1);
      String mountPoint = fields[4];
      boolean writable = Set.of(fields[5].split(",", -1)).contains("rw");
      if (writable) {
        assertThat(mountPoint).isIn("/machine", "/dev/null", "/dev/kvm");
      }
    }
  }

  @Test
  void theTemplatesMemoryIsMappedPrivatelyFromAReadOnlyFile() throws IOException {
    assertThat(Files.readAllLines(qemu.resolve("maps")))
        .filteredOn(line -> line.endsWith("/memory"))
        .isNotEmpty()
        .allMatch(line -> line.split(" ", -1)[1].endsWith("p"));
    try (Stream<Path> open = Files.list(qemu.resolve("fd"))) {
      for (Path descriptor : open.toList()) {
        String target = Files.readSymbolicLink(descriptor).toString();
        if (target.contains("/template/") || target.contains("/image/")) {
          assertThat(flags(descriptor) & 3).as("access mode of " + target).isZero();
        }
      }
    }
  }

  @Test
  void itDumpsNoCoreAndOpensFewFiles() throws IOException {
    assertThat(Files.readAllLines(qemu.resolve("limits")))
        .anyMatch(line -> line.matches("Max core file size +0 +0 .*"))
        .anyMatch(line -> line.matches("Max file size +11811160064 +11811160064 .*"))
        .anyMatch(line -> line.matches("Max open files +1024 +1024 .*"));
  }

  @Test
  void itIsInAGroupOfItsOwnWithItsLimits() throws IOException {
    Cgroups cgroups = Cgroups.ofThisProcess();
    assumeFalse(cgroups.places().isEmpty(), () -> cgroups.reasons().toString());
    String pid = String.valueOf(qemu.getFileName());
    for (Cgroups.Place place : cgroups.places().values()) {
      try (Stream<Path> groups = Files.list(place.directory())) {
        Path group =
            groups
                .filter(path -> String.valueOf(path.getFileName()).startsWith("belljar-"))
                .filter(path -> contains(path.resolve("cgroup.procs"), pid))
                .findFirst()
                .orElseThrow();
        assertThat(Files.readAllLines(group.resolve("cgroup.procs"))).containsExactly(pid);
      }
    }
    assertThat(sandbox.isolation().jail())
        .contains("cgroup: " + String.join(", ", cgroups.places().keySet()));
  }

  @Test
  void itHoldsNothingOfOurs() throws IOException {
    assertThat(Files.readAllBytes(qemu.resolve("environ")))
        .asString()
        .doesNotContain("PATH=")
        .doesNotContain("HOME=");
    try (Stream<Path> open = Files.list(qemu.resolve("fd"))) {
      Set<String> files =
          open.map(JailIT::target)
              .filter(target -> target.startsWith("/"))
              .collect(Collectors.toSet());
      assertThat(files)
          .allMatch(
              target ->
                  target.startsWith("/image/")
                      || target.startsWith("/template/")
                      || target.startsWith("/machine/")
                      || target.startsWith("/dev/")
                      || target.endsWith("/state")
                      || target.endsWith(".log"));
    }
  }

  private static String status(Path process, String field) {
    try (Stream<String> lines = Files.lines(process.resolve("status"))) {
      return lines
          .filter(line -> line.startsWith(field + ":"))
          .map(line -> line.substring(field.length() + 1).strip())
          .findFirst()
          .orElseThrow();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private int flags(Path descriptor) throws IOException {
    Path info = qemu.resolve("fdinfo").resolve(String.valueOf(descriptor.getFileName()));
    return Integer.parseInt(
        Files.readAllLines(info).stream()
            .filter(line -> line.startsWith("flags:"))
            .map(line -> line.substring(6).strip())
            .findFirst()
            .orElseThrow(),
        8);
  }

  private static boolean contains(Path file, String line) {
    try {
      return Files.readAllLines(file).contains(line);
    } catch (IOException e) {
      return false; // The group of a machine that has ended.
    }
  }

  private static String target(Path link) {
    try {
      return Files.readSymbolicLink(link).toString();
    } catch (IOException e) {
      return "gone";
    }
  }

  private static List<String> names(Path directory) throws IOException {
    try (Stream<Path> all = Files.list(directory)) {
      return all.filter(path -> Files.exists(path, LinkOption.NOFOLLOW_LINKS))
          .map(path -> String.valueOf(path.getFileName()))
          .toList();
    }
  }
}
