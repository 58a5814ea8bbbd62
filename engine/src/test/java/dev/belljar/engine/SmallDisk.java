package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** A file system of its own that can be filled, mounted for as long as it is open. */
public final class SmallDisk implements AutoCloseable {
  private final Path directory;

  private SmallDisk(Path directory) {
    this.directory = directory;
  }

  /**
   * Mounts a new one; empty where nothing can be mounted.
   *
   * @param size as truncate(1) takes it
   */
  public static Optional<SmallDisk> mount(String size) throws IOException, InterruptedException {
    if (!Host.isRoot()) {
      return Optional.empty();
    }
    Path device = Files.createTempFile("disk", ".ext4");
    Path directory = Files.createTempDirectory("small");
    // Not tmpfs, where reading a hole of a file takes room.
    assertThat(run("truncate", "--size=" + size, device.toString())).isZero();
    assertThat(run("mkfs.ext4", "-q", "-F", "-m", "0", device.toString())).isZero();
    boolean mounted = run("mount", "-o", "loop", device.toString(), directory.toString()) == 0;
    // The mount keeps it.
    Files.delete(device);
    if (!mounted) {
      Files.delete(directory);
      return Optional.empty();
    }
    return Optional.of(new SmallDisk(directory));
  }

  /** Where it is mounted. */
  public Path directory() {
    return directory;
  }

  /** Leaves so many bytes. */
  public void fill(long left) throws IOException, InterruptedException {
    makeRoom();
    long free = Files.getFileStore(directory).getUsableSpace();
    long most = Math.max(4096, free - (8 << 20) - left);
    assertThat(run("fallocate", "--length=" + most, filler().toString())).isZero();
    try (FileChannel file =
        FileChannel.open(filler(), StandardOpenOption.WRITE, StandardOpenOption.APPEND)) {
      try {
        while (true) {
          file.write(ByteBuffer.allocate(4096));
        }
      } catch (IOException e) {
        assertThat(e).hasMessageContaining("No space left on device");
      }
      file.truncate(file.size() - left);
    }
  }

  /** Takes back what it was filled with. */
  public void makeRoom() throws IOException {
    Files.deleteIfExists(filler());
  }

  private Path filler() {
    return directory.resolve("filler");
  }

  /** Unmounts it; nobody may have anything open there for longer than a moment. */
  @Override
  public void close() throws IOException {
    // The namespace of a machine that has just ended may hold it for a moment.
    await().atMost(Duration.ofSeconds(20)).until(() -> run("umount", directory.toString()) == 0);
    Files.delete(directory);
  }

  static int run(String... command) throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    return process.exitValue();
  }
}
