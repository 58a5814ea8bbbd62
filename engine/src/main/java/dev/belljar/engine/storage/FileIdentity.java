package dev.belljar.engine.storage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Objects;

/**
 * Which file a path leads to, however it is spelled: by a link, from another directory, by another
 * mount. The kernel's locks belong to a process and a file, and are given up when the process
 * closes any descriptor of that file (fcntl(2)); whoever keeps such locks knows them by this.
 */
public final class FileIdentity {
  private FileIdentity() {}

  /**
   * A key with a meaning of {@code equals}, for as long as the file is there. Does not open it.
   *
   * @throws IOException where there is no such file
   */
  public static Object of(Path file) throws IOException {
    return Objects.requireNonNull(
        Files.readAttributes(file, BasicFileAttributes.class).fileKey(),
        "Linux tells the device and the number of every file.");
  }

  /**
   * The path without links and relative parts; what is not there yet, or not any more, is taken to
   * be what it is called.
   */
  public static Path real(Path path) throws IOException {
    Path there = path.toAbsolutePath();
    Path parent = there.getParent();
    if (Files.exists(there) || parent == null) {
      return there.toRealPath();
    }
    return real(parent).resolve(String.valueOf(there.getFileName())).normalize();
  }
}
