package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.belljar.ByteSize;
import dev.belljar.ChildProcessOutput;
import dev.belljar.PageRequest;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.Storage;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.storage.Directories;
import dev.belljar.spi.Tenant;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The file system that volumes are on, a small one of its own, is full. */
@Timeout(120)
@SuppressWarnings("NullAway.Init") // by mount, before all tests
class StorageDiskFullIT {
  private static final ByteSize SIZE = ByteSize.parse("300MB");

  private static SmallDisk disk;
  private static Path directory;
  private static LocalEngine engine;
  private static Tenant tenant;
  private static Storage storage;

  @BeforeAll
  static void mount() throws Exception {
    Optional<SmallDisk> mounted = SmallDisk.mount("700M");
    assumeTrue(mounted.isPresent(), "nothing can be mounted here");
    disk = mounted.get();
    directory = disk.directory().resolve("storage");
    // Not that of the process, which would have files open here until the end.
    engine = new LocalEngine(Directories.ofUser(), step -> {});
    tenant = new Tenant("", Optional.of(directory));
    storage = engine.storage(tenant);
  }

  @AfterAll
  static void unmount() throws Exception {
    if (engine != null) {
      engine.end();
    }
    if (disk != null) {
      disk.close();
    }
  }

  /** Nothing stays in use, and everything can be opened. */
  @AfterEach
  void makeRoom() throws IOException {
    disk.makeRoom();
    for (var volume : storage.volumes().list(PageRequest.FIRST).items()) {
      assertThat(volume.holder()).as(volume.slug()).isEmpty();
      with(volume.slug()).close();
      storage.volumes().delete(volume.id());
    }
    for (var snapshot : storage.snapshots().list(PageRequest.FIRST).items()) {
      storage.snapshots().delete(snapshot.id());
    }
  }

  private static Sandbox with(String... volumes) {
    SandboxOptions.Builder options = SandboxOptions.builder().local();
    for (String volume : volumes) {
      options.volume("/" + volume, volume);
    }
    return engine.create(options.build(), tenant);
  }

  private static void full(Runnable work) {
    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(work::run)
        .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.FULL))
        .withMessageContaining("Make room");
  }

  private static Set<Path> files() throws IOException {
    try (Stream<Path> all = Files.walk(directory)) {
      return all.filter(Files::isRegularFile).collect(Collectors.toCollection(TreeSet::new));
    }
  }

  @Test
  void whatWasWrittenBeforeIsThereAndTheVolumeIsUsableAfterwards() throws Exception {
    storage.volumes().create(VolumeOptions.of("data", SIZE));
    try (Sandbox sandbox = with("data")) {
      sandbox
          .sh(
              "cd /data && head -c 8M /dev/urandom > safe && sha256sum safe > sum && sync safe sum .")
          .text();
      disk.fill(4 << 20);
      ChildProcessOutput written =
          sandbox
              .sh("timeout 60 dd if=/dev/urandom of=/data/lost bs=1M count=64 conv=fsync")
              .noThrow()
              .output();
      assertThat(written.status().code()).isEqualTo(1);
      assertThat(written.stderrText())
          .containsAnyOf("Input/output error", "Read-only file system", "No space left on device");
      assertThat(sandbox.sh("cd /data && sha256sum -c sum; echo it goes on").text())
          .isEqualTo("safe: OK\nit goes on\n");
      assertThat(storage.volumes().get("data").orElseThrow().holder()).contains(sandbox.id());
    }
    disk.makeRoom();
    try (Sandbox sandbox = with("data")) {
      assertThat(
              sandbox
                  .sh(
                      "cd /data && sha256sum -c sum && rm -f lost && head -c 64M /dev/urandom > more && sync more && echo written")
                  .text())
          .isEqualTo("safe: OK\nwritten\n");
    }
  }

  @Test
  void aSandboxThatGetsRoomAgainWritesOn() throws Exception {
    storage.volumes().create(VolumeOptions.of("data", SIZE));
    try (Sandbox sandbox = with("data")) {
      // Where the journal and the tables are is known to the host then.
      sandbox.sh("head -c 1M /dev/zero > /data/first; sync").text();
      disk.fill(4 << 20);
      assertThat(
              sandbox
                  .sh("dd if=/dev/urandom of=/data/lost bs=1M count=64 conv=fsync")
                  .noThrow()
                  .output()
                  .status()
                  .code())
          .isEqualTo(1);
      disk.makeRoom();
      assertThat(
              sandbox
                  .sh("dd if=/dev/urandom of=/data/f bs=1M count=64 conv=fsync && echo written")
                  .noThrow()
                  .text())
          .isEqualTo("written\n");
    }
  }

  @Test
  void aVolumeIsNotMadeAndNothingIsLeftOfIt() throws Exception {
    Set<Path> before = files();
    // The last is enough for a volume and not for the image that it lies above, which is on another
    // disk.
    for (long left : List.of(0L, 1L << 20, 60L << 20, 200L << 20)) {
      disk.fill(left);
      full(
          () ->
              storage.volumes().create(VolumeOptions.of("root", SIZE).from(VolumeOptions.BUILTIN)));
      if (left <= 60L << 20) {
        full(() -> storage.volumes().create(VolumeOptions.of("data", SIZE)));
      }
      disk.makeRoom();
      assertThat(storage.volumes().list(PageRequest.FIRST).items()).isEmpty();
      assertThat(files()).as(left + " bytes were left").isEqualTo(before);
    }
    storage.volumes().create(VolumeOptions.of("data", SIZE));
  }

  @Test
  void noSnapshotIsMadeWhetherASandboxHasTheVolumeOrNot() throws Exception {
    storage.volumes().create(VolumeOptions.of("data", SIZE));
    try (Sandbox sandbox = with("data")) {
      sandbox.sh("head -c 20M /dev/zero > /data/room; echo kept > /data/note; sync").text();
      Set<Path> before = files();
      for (long left : List.of(0L, 1L << 20, 60L << 20)) {
        disk.fill(left);
        full(() -> storage.volumes().snapshot("data", "frozen"));
        disk.makeRoom();
        assertThat(files()).as(left + " bytes were left").isEqualTo(before);
      }
      sandbox.sh("echo more >> /data/note; sync").text();
    }
    disk.fill(1 << 20);
    full(() -> storage.volumes().snapshot("data", "frozen"));
    disk.makeRoom();
    assertThat(storage.snapshots().list(PageRequest.FIRST).items()).isEmpty();
    storage.volumes().snapshot("data", "frozen");
    try (Sandbox sandbox = with("data")) {
      assertThat(sandbox.fs().readTextFile("/data/note")).isEqualTo("kept\nmore\n");
    }
  }

  @Test
  void allVolumesOfASandboxAreGivenBackAlsoWhereTheFirstCannotBeTidiedUp() throws Exception {
    storage.volumes().create(VolumeOptions.of("one", SIZE));
    storage.volumes().create(VolumeOptions.of("two", SIZE));
    try (Sandbox sandbox = with("one", "two")) {
      storage.volumes().snapshot("one", "then-one");
      storage.volumes().snapshot("two", "then-two");
      sandbox.sh("echo 1 > /one/x; echo 2 > /two/x; sync").text();
      disk.fill(0);
    }
    disk.makeRoom();
    try (Sandbox sandbox = with("one", "two")) {
      assertThat(sandbox.sh("cat /one/x /two/x").text()).isEqualTo("1\n2\n");
    }
  }

  @Test
  void aSnapshotThatCannotBeDeletedSaysWhatToDo() throws Exception {
    storage.volumes().create(VolumeOptions.of("data", SIZE));
    storage.volumes().snapshot("data", "frozen");
    disk.fill(0);
    full(() -> storage.snapshots().delete("frozen"));
    assertThat(storage.snapshots().get("frozen")).isPresent();
  }
}
