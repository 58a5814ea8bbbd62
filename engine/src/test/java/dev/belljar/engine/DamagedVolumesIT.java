package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.belljar.ByteSize;
import dev.belljar.ChildProcess;
import dev.belljar.InvalidOptionException;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.Storage;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.vmm.HostTools;
import dev.belljar.spi.Tenant;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Volumes whose content is not what it should be, and guests that work against their snapshots. */
@Timeout(120)
class DamagedVolumesIT {
  private static final ByteSize SIZE = ByteSize.parse("300MB");

  /** Ioctls of linux/fs.h on the volume's root. */
  private static final String FREEZING =
      """
      import fcntl, os, sys, time
      FREEZE, THAW = 0xc0045877, 0xc0045878
      volume = os.open("/data", os.O_RDONLY)
      """;

  @TempDir private Path directory;
  private Tenant tenant = Tenant.OWN;
  private Storage storage;

  @BeforeEach
  void open() {
    tenant = new Tenant("", Optional.of(directory.resolve("storage")));
    storage = LocalEngine.instance().storage(tenant);
  }

  private Sandbox with(SandboxOptions.Builder options) {
    return LocalEngine.instance().create(options.build(), tenant);
  }

  private Sandbox withData() {
    return with(SandboxOptions.builder().volume("/data", "data"));
  }

  /** Overwrites a part of a volume that nobody has, as the guest sees it. */
  private void overwrite(String from, String length) throws Exception {
    Path tool = HostTools.locate("qemu-io").orElse(Path.of(""));
    assumeTrue(Files.isExecutable(tool), "qemu-io is missing");
    assertThat(
            SmallDisk.run(
                tool.toString(),
                "-f",
                "qcow2",
                "-c",
                "write -P 0x41 " + from + " " + length,
                head().toString()))
        .isZero();
  }

  private Path head() throws IOException {
    try (Stream<Path> files = Files.walk(directory.resolve("storage/layers"))) {
      return files
          .filter(Files::isRegularFile)
          .filter(DamagedVolumesIT::isWritable)
          .findFirst()
          .orElseThrow();
    }
  }

  /** Where the first block of a file is, in bytes; by the tools of e2fsprogs. */
  private long placeOf(String path) throws Exception {
    Path raw = directory.resolve("raw");
    assertThat(SmallDisk.run("qemu-img", "convert", "-O", "raw", head().toString(), raw.toString()))
        .isZero();
    ByteBuffer logOfBlockSize = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);
    try (FileChannel channel = FileChannel.open(raw)) {
      channel.read(logOfBlockSize, 1024 + 24);
    }
    Process debugfs =
        new ProcessBuilder(
                HostTools.locate("debugfs").orElseThrow().toString(),
                "-R",
                "blocks " + path,
                raw.toString())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    try (BufferedReader out = debugfs.inputReader()) {
      long block = Long.parseLong(out.readLine().strip().split(" ", 2)[0]);
      return block * (1024L << logOfBlockSize.getInt(0));
    } finally {
      debugfs.destroy();
    }
  }

  private static boolean isWritable(Path file) {
    try {
      return Files.getPosixFilePermissions(file).contains(PosixFilePermission.OWNER_WRITE);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void refuses(Reason reason, String hint, Runnable work) {
    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(work::run)
        .satisfies(e -> assertThat(e.reason()).isEqualTo(reason))
        .withMessageContaining(hint);
    assertThat(storage.volumes().get("data").orElseThrow().holder()).isEmpty();
    HostProcesses.ownQemus(0);
  }

  /** The superblock; the table of groups; and the superblock of one that is a root. */
  @ParameterizedTest
  @CsvSource({"0, 4k, false", "4k, 8M, false", "0, 64k, true", "4k, 8M, true"})
  void aFileSystemThatCannotBeMountedIsSaidToBeDamaged(String from, String length, boolean root)
      throws Exception {
    VolumeOptions options = VolumeOptions.of("data", SIZE);
    storage.volumes().create(root ? options.from(VolumeOptions.BUILTIN) : options);
    SandboxOptions.Builder sandbox =
        root
            ? SandboxOptions.builder().root("data")
            : SandboxOptions.builder().volume("/data", "data");
    with(sandbox).close();
    storage.volumes().snapshot("data", "before");
    overwrite(from, length);
    refuses(Reason.DAMAGED, "snapshot", () -> with(sandbox).close());
    // What it was made from is whole.
    storage.volumes().create(VolumeOptions.of("again", SIZE).from("before"));
    with(SandboxOptions.builder().volume("/again", "again")).close();
  }

  /** What is damaged further in shows where it is read. */
  @Test
  void aDirectoryThatIsDamagedIsAnErrorInTheGuestAndNothingWorse() throws Exception {
    storage.volumes().create(VolumeOptions.of("data", SIZE));
    try (Sandbox sandbox = withData()) {
      sandbox.sh("mkdir /data/dir && touch /data/dir/file && echo fine > /data/note").text();
    }
    HostProcesses.ownQemus(0);
    overwrite(String.valueOf(placeOf("/dir")), "1k");
    try (Sandbox sandbox = withData()) {
      assertThat(sandbox.sh("ls /data/dir").noThrow().output().status().success()).isFalse();
      assertThat(sandbox.sh("cat /data/note; echo it goes on").text())
          .isEqualTo("fine\nit goes on\n");
    }
  }

  @Test
  void aPathThatCannotBeADirectoryIsTheCallersMistake() {
    storage.volumes().create(VolumeOptions.of("data", SIZE));
    for (String path : new String[] {"/home/app/.bashrc", "/usr/bin/env/x"}) {
      assertThatExceptionOfType(InvalidOptionException.class)
          .isThrownBy(() -> with(SandboxOptions.builder().volume(path, "data")).close())
          .withMessageContaining(path);
      assertThat(storage.volumes().get("data").orElseThrow().holder()).isEmpty();
    }
    withData().close();
  }

  @Test
  void aVolumeThatIsNamedTwiceIsTheCallersMistake() {
    String id =
        storage.volumes().create(VolumeOptions.of("data", SIZE).from(VolumeOptions.BUILTIN)).id();
    for (SandboxOptions.Builder options :
        List.of(
            SandboxOptions.builder().volume("/one", "data").volume("/two", id),
            SandboxOptions.builder().root("data").volume("/data", "data"))) {
      assertThatExceptionOfType(InvalidOptionException.class)
          .isThrownBy(() -> with(options).close())
          .withMessageContaining("twice");
      assertThat(storage.volumes().get("data").orElseThrow().holder()).isEmpty();
    }
  }

  @Test
  void aVolumeThatTheGuestHasFrozenItselfHasNoSnapshotAndGoesOn() {
    storage.volumes().create(VolumeOptions.of("data", SIZE));
    try (Sandbox sandbox = withData()) {
      sandbox.fs().writeTextFile("/data/note", "before");
      GuestRoot.python(sandbox, FREEZING + "fcntl.ioctl(volume, FREEZE, 0)");
      noSnapshot();
      GuestRoot.python(sandbox, FREEZING + "fcntl.ioctl(volume, THAW, 0)");
      sandbox.fs().writeTextFile("/data/note", "after");
      storage.volumes().snapshot("data", "then");
    }
    holds("after");
  }

  @Test
  void aSandboxThatLeavesItsVolumeFrozenEndsAndTheVolumeIsFree() {
    storage.volumes().create(VolumeOptions.of("data", SIZE));
    try (Sandbox sandbox = withData()) {
      sandbox.fs().writeTextFile("/data/note", "before");
      GuestRoot.python(sandbox, FREEZING + "fcntl.ioctl(volume, FREEZE, 0)");
    }
    holds("before");
  }

  @Test
  void aGuestThatThawsItselfHasNoSnapshotAndLosesNothing() throws IOException {
    storage.volumes().create(VolumeOptions.of("data", SIZE));
    try (Sandbox sandbox = withData()) {
      ChildProcess thawing =
          GuestRoot.start(
              sandbox,
              FREEZING
                  + """
              print("ready", flush=True)
              while True:
                  try:
                      fcntl.ioctl(volume, THAW, 0)
                      os.write(os.open("/data/note", os.O_WRONLY | os.O_CREAT), b"thawed")
                  except OSError:
                      pass
              """);
      assertThat(thawing.stdout().read()).isEqualTo('r');
      noSnapshot();
      thawing.kill();
      sandbox.sh("sync").text();
    }
    holds("thawed");
  }

  private void noSnapshot() {
    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(() -> storage.volumes().snapshot("data", "then"))
        .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.BUSY))
        .withMessageContaining("did not stand still")
        .withMessageContaining("Try again");
    assertThat(storage.snapshots().get("then")).isEmpty();
  }

  private void holds(String note) {
    try (Sandbox sandbox = withData()) {
      assertThat(sandbox.fs().readTextFile("/data/note")).isEqualTo(note);
      sandbox.sh("echo more > /data/more; sync").text();
    }
  }
}
