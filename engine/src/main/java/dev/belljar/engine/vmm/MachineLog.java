package dev.belljar.engine.vmm;

import dev.belljar.engine.storage.FileTree;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/**
 * What QEMU and its jail print. The file lies beside the machine's directory, not in it, and is
 * opened once, before anything runs that is not trusted: whatever has its name later is neither
 * opened nor followed.
 */
final class MachineLog implements AutoCloseable {
  /** Bytes; a few lines. */
  private static final int SHOWN = 2000;

  private final Path file;
  private final FileChannel channel;

  private MachineLog(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /** Makes that of a machine with that directory; there must be none yet. */
  static MachineLog create(Path run) throws IOException {
    Path file = run.resolveSibling(run.getFileName() + ".log");
    FileChannel channel =
        FileChannel.open(
            file,
            Set.of(
                StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE),
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    return new MachineLog(file, channel);
  }

  /** For whoever is to print to it. */
  Path file() {
    return file;
  }

  /** How it begins; empty where nothing was printed, or it is closed. */
  String complaints() {
    ByteBuffer head = ByteBuffer.allocate(SHOWN);
    try {
      while (head.hasRemaining() && channel.read(head, head.position()) > 0) {
        // On.
      }
    } catch (IOException e) {
      return "";
    }
    return new String(head.array(), 0, head.position(), StandardCharsets.UTF_8).strip();
  }

  /** Removes what has its name, whatever that is. Idempotent. */
  @Override
  public void close() throws IOException {
    try {
      channel.close();
    } finally {
      FileTree.delete(file);
    }
  }
}
