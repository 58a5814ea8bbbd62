package dev.belljar.engine.vmm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a kernel said of a confined QEMU, with one property taken away at a time. */
class JailCheckTest {
  private static final long PID = 2580;
  private static final int USER = 1_900_000_007;
  private static final List<String> RECORDED =
      List.of("status", "limits", "mountinfo", "net/dev", "net/route", "uid_map", "gid_map");
  private static final List<String> NAMESPACES =
      List.of("user", "mnt", "pid", "net", "ipc", "uts", "cgroup");

  @TempDir private Path proc;
  private Path process;
  private Path program;

  @BeforeEach
  void record() throws IOException {
    process = proc.resolve(Long.toString(PID));
    for (String name : RECORDED) {
      Path file = process.resolve(name);
      Files.createDirectories(Objects.requireNonNull(file.getParent()));
      try (InputStream in = JailCheckTest.class.getResourceAsStream("confined/" + name)) {
        Files.copy(Objects.requireNonNull(in), file);
      }
    }
    for (String thread : List.of("2580", "2583")) {
      Files.createDirectories(process.resolve("task").resolve(thread));
      Files.copy(process.resolve("status"), process.resolve("task/" + thread + "/status"));
    }
    for (String directory : List.of("image", "template", "machine", "dev", "usr")) {
      Files.createDirectories(process.resolve("root").resolve(directory));
    }
    Files.createFile(process.resolve("root/dev/null"));
    program = Files.createFile(process.resolve("root/usr/qemu"));
    Files.createSymbolicLink(process.resolve("exe"), program);
    long number = 4_026_532_178L;
    for (String namespace : NAMESPACES) {
      link(process, namespace, number++);
      link(proc.resolve("self"), namespace, number++);
    }
  }

  @Test
  void nothingIsMissingInTheRecordOfAConfinedMachine() throws IOException {
    assertThat(missing()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "task/2580/status, 'Uid:\t1900000007\t1900000007', 'Uid:\t1900000007\t0', user 1900000007",
    "task/2580/status, 'Gid:\t1900000007\t1900000007', 'Gid:\t1900000007\t0', user 1900000007",
    "task/2580/status, 'Groups:\t', 'Groups:\t0', no other groups",
    "task/2580/status, 'CapInh:\t00', 'CapInh:\t01', no capabilities (CapInh",
    "task/2580/status, 'CapPrm:\t00', 'CapPrm:\t01', no capabilities (CapPrm",
    "task/2580/status, 'CapEff:\t00', 'CapEff:\t01', no capabilities (CapEff",
    "task/2580/status, 'CapBnd:\t00', 'CapBnd:\t01', no capabilities (CapBnd",
    "task/2580/status, 'CapAmb:\t00', 'CapAmb:\t01', no capabilities (CapAmb",
    "task/2580/status, 'NoNewPrivs:\t1', 'NoNewPrivs:\t0', no_new_privs",
    "task/2580/status, 'Seccomp:\t2', 'Seccomp:\t0', seccomp filter",
    "task/2583/status, 'Seccomp:\t2', 'Seccomp:\t0', seccomp filter",
    "task/2583/status, 'Seccomp:\t2', '', seccomp filter",
    "uid_map, '1900000007          1', '0          65536', one mapped user",
    "gid_map, '1900000007          1', '0          65536', one mapped user",
    "net/dev, '    lo:', '  eth0:', empty network (it has eth0)",
    "net/route, 'IRTT', 'IRTT\neth0\t00000000', empty network (it has routes)",
    "mountinfo, '/machine rw', '/etc rw', (/etc is mounted)",
    "mountinfo, '/template ro', '/image ro', (/image is mounted twice)",
    "mountinfo, '/template ro', '/image ro', (/template is not what was put there)",
    "mountinfo, '/ ro,', '/ rw,', read-only root (/ can be written to)",
    "mountinfo, '/image ro,', '/image rw,', read-only root (/image can be written to)",
    "mountinfo, '/template ro,', '/template rw,', read-only root (/template can be written to)",
    "limits, 'core file size        0  ', 'core file size        1  ', limit of core file size",
    "limits, '1024                 1024', '1024                 4096', limit of open files",
    "limits, '11811160064          11', 'unlimited            11', limit of file size",
    "limits, 'processes             256', 'processes             999', limit of processes",
  })
  void eachPropertyThatIsMissingIsNamed(String file, String from, String to, String named)
      throws IOException {
    change(file, from, to);
    // A mount in another's place is two lacks, or three.
    assertThat(missing())
        .anyMatch(lack -> lack.contains(named))
        .hasSizeLessThanOrEqualTo(file.equals("mountinfo") ? 3 : 1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup"})
  void aNamespaceThatIsOursIsNamed(String name) throws IOException {
    Path ours = Files.readSymbolicLink(proc.resolve("self/ns").resolve(name));
    Files.delete(process.resolve("ns").resolve(name));
    Files.createSymbolicLink(process.resolve("ns").resolve(name), ours);
    assertThat(missing()).containsExactly("own " + name + " namespace");
  }

  @Test
  void anotherProgramIsNamed() throws IOException {
    Files.delete(process.resolve("exe"));
    Files.createSymbolicLink(process.resolve("exe"), process.resolve("root/dev/null"));
    assertThat(missing()).singleElement().asString().startsWith("the program");
  }

  @Test
  void anotherDirectoryInThePlaceOfOursIsNamed() throws IOException {
    Path another = Files.createDirectory(proc.resolve("another"));
    assertThat(new JailCheck(proc, promise(another)).verify(PID))
        .containsExactly("a root with nothing else in it (/image is not what was put there)");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "exe",
        "task/2580/status",
        "ns/net",
        "uid_map",
        "net/dev",
        "net/route",
        "mountinfo",
        "limits"
      })
  void whatCannotBeReadIsMissing(String file) throws IOException {
    Files.delete(process.resolve(file));
    assertThat(missing()).singleElement().asString().contains("cannot be read");
  }

  @Test
  void aProcessThatIsGoneOrHiddenLacksEverything() throws IOException {
    assertThat(new JailCheck(proc, promise()).verify(PID + 1)).hasSizeGreaterThan(10);
  }

  @ParameterizedTest
  @ValueSource(strings = {"task/2580/status", "net/dev", "mountinfo", "limits", "uid_map"})
  void anEmptyFileIsNotTakenForConsent(String file) throws IOException {
    Files.writeString(process.resolve(file), "");
    assertThat(missing()).isNotEmpty();
  }

  private List<String> missing() throws IOException {
    return new JailCheck(proc, promise()).verify(PID);
  }

  private JailPromise promise() {
    return promise(process.resolve("root/image"));
  }

  private JailPromise promise(Path image) {
    Map<String, Path> mounts = new LinkedHashMap<>();
    Path root = process.resolve("root");
    mounts.put("/", root);
    mounts.put("/image", image);
    for (String point : List.of("/template", "/machine", "/dev/null")) {
      mounts.put(point, root.resolve(point.substring(1)));
    }
    return new JailPromise(
        new JailUser(USER, JailUser.Kind.OF_THE_MACHINE),
        Set.of(),
        program,
        mounts,
        Set.of("/machine", "/dev/null"),
        Map.of(
            "Max core file size", 0L,
            "Max open files", 1024L,
            "Max file size", 11_811_160_064L,
            "Max processes", 256L));
  }

  private void change(String file, String from, String to) throws IOException {
    String text = Files.readString(process.resolve(file));
    assertThat(text).contains(from);
    Files.writeString(process.resolve(file), text.replace(from, to));
  }

  private static void link(Path process, String namespace, long number) throws IOException {
    Path directory = Files.createDirectories(process.resolve("ns"));
    Files.createSymbolicLink(
        directory.resolve(namespace), Path.of(namespace + ":[" + number + "]"));
  }
}
