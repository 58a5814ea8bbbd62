package dev.belljar.server.store;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** The directory of an embedded database, claimed by one store of this process. */
final class EmbeddedDirectory implements AutoCloseable {
  private static final Set<PosixFilePermission> OWNER_ONLY =
      PosixFilePermissions.fromString("rwx------");
  private static final Set<PosixFilePermission> OWNER_ONLY_FILE =
      PosixFilePermissions.fromString("rw-------");

  /**
   * Those that this process has open. H2 locks its files against other processes only; a lock file
   * would not do here, as closing it anywhere in a process drops the lock.
   */
  private static final Set<Path> CLAIMED = ConcurrentHashMap.newKeySet();

  private final Path path;

  private EmbeddedDirectory(Path path) {
    this.path = path;
  }

  /**
   * Makes the directory if there is none, and keeps everybody else out of it.
   *
   * @throws StoreInUseException if this process has claimed it already
   * @throws StoreException if it cannot be made or is another user's
   */
  static EmbeddedDirectory claim(Path wanted) {
    Path path;
    try {
      path = makePrivate(wanted);
    } catch (IOException | UnsupportedOperationException e) {
      throw new StoreException(
          "The directory %s cannot be used for metadata (%s). Use a data directory of your own."
              .formatted(wanted, reason(e)),
          e);
    }
    if (!CLAIMED.add(path)) {
      throw new StoreInUseException(path);
    }
    return new EmbeddedDirectory(path);
  }

  private static Path makePrivate(Path wanted) throws IOException {
    Files.createDirectories(wanted, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
    Path path = wanted.toRealPath();
    // In a data directory that others can write to, one of them may have been first.
    if (!Files.isDirectory(wanted, LinkOption.NOFOLLOW_LINKS)
        || !Files.getAttribute(path, "unix:uid")
            .equals(Files.getAttribute(Path.of("/proc/self"), "unix:uid"))) {
      throw new FileSystemException(path.toString(), null, "it is another user's, or a link");
    }
    if (!Files.getPosixFilePermissions(path, LinkOption.NOFOLLOW_LINKS).equals(OWNER_ONLY)) {
      Files.setPosixFilePermissions(path, OWNER_ONLY);
    }
    return path;
  }

  private static String reason(Exception e) {
    return e instanceof FileSystemException failure && failure.getReason() != null
        ? failure.getFile() + ": " + failure.getReason()
        : e.toString();
  }

  Path path() {
    return path;
  }

  /** For the files too, in case they are ever moved out of the directory. */
  void restrictFiles() {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(path)) {
      for (Path file : files) {
        if (Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
          Files.setPosixFilePermissions(file, OWNER_ONLY_FILE);
        }
      }
    } catch (IOException e) {
      throw new StoreException("The files in " + path + " cannot be kept to their owner.", e);
    }
  }

  @Override
  public void close() {
    CLAIMED.remove(path);
  }
}
