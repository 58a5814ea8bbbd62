package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.belljar.ByteSize;
import dev.belljar.ChildProcessOutput;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.SandboxUnavailableException;
import dev.belljar.engine.image.BuildFailedException;
import dev.belljar.engine.image.ImageStore;
import dev.belljar.engine.storage.Directories;
import dev.belljar.engine.vmm.QemuCommand;
import dev.belljar.spi.Tenant;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The file system of the cache directory, a small one of its own, is full. */
@Timeout(120)
@SuppressWarnings("NullAway.Init") // by mount, before all tests
class HostDiskFullIT {
  private static final SandboxOptions DEFAULT = SandboxOptions.builder().local().build();

  private static SmallDisk small;
  private static Path disk;
  private static Directories directories;
  private static LocalEngine engine;

  /** An image, a template and a jail, and little room beside them. */
  @BeforeAll
  static void mount() throws Exception {
    Optional<SmallDisk> mounted = SmallDisk.mount("1200M");
    assumeTrue(mounted.isPresent(), "nothing can be mounted here");
    small = mounted.get();
    disk = small.directory();
    Sandbox.create().close();
    Directories ours = Directories.ofUser();
    String image = new ImageStore(ours).find().orElseThrow().hash();
    directories = new Directories(disk.resolve("cache"));
    directories.make(directories.images());
    directories.make(directories.templates());
    copy(ours.images().resolve(image), directories.images());
    copy(ours.jails(), directories.cache());
    copy(ours.cache().resolve("accelerator.properties"), directories.cache());
    engine = new LocalEngine(directories, step -> {});
    String usual = ".*-" + QemuCommand.GENERATION + "-[a-z]+-1280M-2cpu";
    try (Stream<Path> templates = Files.list(ours.templates())) {
      for (Path template : (Iterable<Path>) templates::iterator) {
        String name = String.valueOf(template.getFileName());
        if (name.startsWith(image + "-") && name.matches(usual)) {
          copy(template, directories.templates());
        }
      }
    }
    engine.create(DEFAULT, Tenant.OWN).close();
  }

  @AfterAll
  static void unmount() throws Exception {
    if (engine != null) {
      engine.end();
    }
    if (small != null) {
      small.close();
    }
  }

  @AfterEach
  void makeRoom() throws IOException {
    small.makeRoom();
    assertThat(filesOf(ownRun())).as("of machines").isEmpty();
    assertThat(directories.templates().resolve("making")).doesNotExist();
    Sandbox next = engine.create(DEFAULT, Tenant.OWN);
    assertThat(next.sh("echo there is room again").text()).isEqualTo("there is room again\n");
    next.close();
  }

  @Test
  void aCreateOnAFullDiskIsRefusedWithTheReason() throws Exception {
    for (int left : List.of(0, 1, 20, 47)) {
      small.fill(left << 12);
      assertThatExceptionOfType(SandboxUnavailableException.class)
          .as(left + " blocks are left")
          .isThrownBy(() -> engine.create(DEFAULT, Tenant.OWN))
          .withMessageContaining("No space left on device");
      assertThat(filesOf(ownRun())).as("of machines").isEmpty();
    }
  }

  @Test
  void aGuestThatWritesWhereTheHostIsFullGetsAnErrorAndGoesOn() throws Exception {
    Sandbox idle = engine.create(DEFAULT, Tenant.OWN);
    Sandbox writer = engine.create(DEFAULT, Tenant.OWN);
    small.fill(4 << 20);
    ChildProcessOutput written =
        writer
            .sh("timeout 60 dd if=/dev/urandom of=/home/app/f bs=1M count=64 conv=fsync")
            .noThrow()
            .output();
    assertThat(written.status().code()).isEqualTo(1);
    assertThat(written.stderrText()).containsAnyOf("Input/output error", "Read-only file system");
    assertThat(writer.sh("echo it answers; cat /etc/hostname").text()).startsWith("it answers");
    assertThat(idle.sh("echo so does the other").text()).isEqualTo("so does the other\n");
    writer.close();
    small.makeRoom();
    assertThat(
            idle.sh("dd if=/dev/urandom of=/home/app/f bs=1M count=8 conv=fsync && echo done")
                .text())
        .isEqualTo("done\n");
    idle.close();
  }

  @Test
  void aTemplateThatDoesNotFitIsRefusedInTimeAndLeavesNothing() throws Exception {
    small.fill(8 << 20);
    assertThatExceptionOfType(SandboxUnavailableException.class)
        .isThrownBy(
            () ->
                engine.create(
                    SandboxOptions.builder().local().memory(ByteSize.parse("900MiB")).build(),
                    Tenant.OWN))
        .withMessageContaining("needs 900 MiB in " + directories.cache())
        .withMessageContaining("Make room");
  }

  @Test
  void anImageThatDoesNotFitIsRefusedWithTheRoomItNeeds() throws IOException {
    Directories empty = new Directories(disk.resolve("empty"));
    ImageStore images = new ImageStore(empty);
    assertThatExceptionOfType(BuildFailedException.class)
        .isThrownBy(() -> images.build(step -> {}))
        .withMessageContaining("needs 3 GiB in " + empty.cache())
        .withMessageContaining("Make room");
    assertThat(filesOf(empty.images())).allMatch(file -> file.toString().endsWith(".lock"));
  }

  /** As a disk that fails, or a copy that broke off, may leave it. */
  @ParameterizedTest
  @ValueSource(strings = {"state", "memory"})
  void aTemplateThatIsCutOffIsRefusedInTime(String name) throws Exception {
    Path file = filesOf(directories.templates()).getFirst().resolve(name);
    Path whole = disk.resolve("whole");
    copy(file, whole);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.truncate(Files.size(file) / 2);
    }
    try {
      assertThatExceptionOfType(SandboxUnavailableException.class)
          .isThrownBy(() -> engine.create(DEFAULT, Tenant.OWN).close())
          .withMessageContaining("No machine could be started");
    } finally {
      copy(whole, file);
      Files.delete(whole);
    }
  }

  private static Path ownRun() throws IOException {
    List<Path> runs = filesOf(directories.run()).stream().filter(Files::isDirectory).toList();
    assertThat(runs).as("run directories").hasSize(1);
    return runs.getFirst();
  }

  private static List<Path> filesOf(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files
          .filter(file -> !file.equals(directories.run()) && !file.toString().endsWith(".lock"))
          .toList();
    }
  }

  private static void copy(Path from, Path to) throws Exception {
    assertThat(SmallDisk.run("cp", "-a", "--sparse=always", from.toString(), to.toString()))
        .isZero();
  }
}
