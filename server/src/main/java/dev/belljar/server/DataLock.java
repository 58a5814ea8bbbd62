package dev.belljar.server;

import dev.belljar.BelljarException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A data directory, of which there is one server: another would take the first one's sandboxes for
 * left over, wherever its database is. It is free again when the process ends.
 */
final class DataLock implements AutoCloseable {
  /** Closing any descriptor of a file gives up the process's locks on it (fcntl(2)). */
  private static final Set<Path> OWN = ConcurrentHashMap.newKeySet();

  private final Path file;
  private final FileChannel channel;

  private DataLock(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /**
   * Takes a directory, made for its owner alone if it is not there.
   *
   * @throws BelljarException where another server has it, or it cannot be used
   */
  static DataLock take(Path data) {
    try {
      Files.createDirectories(
          data, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      Path file = data.toRealPath().resolve("server.lock");
      if (!OWN.add(file)) {
        throw inUse(data);
      }
      try {
        return new DataLock(file, locked(data, file));
      } catch (IOException | RuntimeException e) {
        OWN.remove(file);
        throw e;
      }
    } catch (IOException e) {
      throw new BelljarException(
          "The data directory " + data + " cannot be used (" + e + "). Choose another with --data.",
          e);
    }
  }

  private static FileChannel locked(Path data, Path file) throws IOException {
    FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    try {
      FileLock lock = channel.tryLock();
      if (lock == null) {
        throw inUse(data);
      }
      return channel;
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private static BelljarException inUse(Path data) {
    return new BelljarException(
        "The data directory "
            + data
            + " is in use by another Belljar server. Stop that one first, or use another data directory.");
  }

  /** Gives it back. Idempotent. */
  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw new BelljarException("The data directory's lock was not given back.", e);
    } finally {
      OWN.remove(file);
    }
  }
}
