package dev.belljar.engine.volumes;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * The programs that make disks. Those that are not confined never read what a guest or its machine
 * wrote.
 *
 * @param qemuImg QEMU's disk tool
 * @param mkfs mkfs.ext4
 * @param confined QEMU's disk tool for what a machine may have written to
 */
public record DiskTools(Path qemuImg, Path mkfs, ConfinedDiskTool confined) {
  /** The user that programs of a sandbox run as. */
  private static final String APP = "1000:1000";

  private static final int LONGEST_COMPLAINT = 4096;

  /** Of the largest volume at 12 MB/s. */
  private static final long LONGEST_MINUTES = 30;

  /** An empty qcow2 file, without a word of what it is to lie above. */
  void createEmpty(Path file, long bytes) throws IOException {
    run(qemuImg.toString(), "create", "-q", "-f", "qcow2", file.toString(), Long.toString(bytes));
  }

  /** A qcow2 file with an empty ext4, whose root belongs to root or to the user of a sandbox. */
  void createFileSystem(Path file, long bytes, boolean ofRoot) throws IOException {
    Path raw = rawOf(file);
    try {
      try (RandomAccessFile sparse = new RandomAccessFile(raw.toFile(), "rw")) {
        sparse.setLength(bytes);
      }
      String extended =
          "lazy_itable_init=1,assume_storage_prezeroed=1,nodiscard,root_owner="
              + (ofRoot ? "0:0" : APP);
      run(mkfs.toString(), "-q", "-F", "-m", "0", "-E", extended, raw.toString());
      fromRaw(raw, file);
    } finally {
      Files.deleteIfExists(raw);
    }
  }

  /** What {@link #createFileSystem} has beside that file meanwhile. */
  static Path rawOf(Path file) {
    return file.resolveSibling(file.getFileName() + ".raw");
  }

  /** Copies a file with its holes; shares its blocks where the file system can. */
  static void copySparse(Path file, Path copy) throws IOException {
    run("cp", "--sparse=auto", "--reflink=auto", file.toString(), copy.toString());
  }

  /** A qcow2 file of what a file of ours holds byte for byte. */
  void fromRaw(Path raw, Path file) throws IOException {
    run(qemuImg.toString(), "convert", "-f", "raw", "-O", "qcow2", raw.toString(), file.toString());
  }

  private static void run(String... command) throws IOException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    process.getOutputStream().close();
    CompletableFuture<Process> watched =
        process
            .onExit()
            .orTimeout(LONGEST_MINUTES, TimeUnit.MINUTES)
            .exceptionally(late -> process.destroyForcibly());
    String said =
        new String(process.getInputStream().readNBytes(LONGEST_COMPLAINT), StandardCharsets.UTF_8);
    try {
      if (process.waitFor() != 0) {
        throw new IOException(command[0] + " failed: " + said.strip());
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("Interrupted while running " + command[0] + ".");
    } finally {
      watched.cancel(false);
    }
  }
}
