package dev.belljar.cli;

import dev.belljar.InvalidOptionException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/** Paths of this host, as users write them. */
final class LocalPath {
  /** What the JVM makes of bytes in its arguments that are no text. */
  private static final char UNREADABLE = '\uFFFD';

  private LocalPath() {}

  /**
   * Reads a path.
   *
   * @throws InvalidOptionException where no file can be called that
   */
  static Path of(String text) {
    if (text.isEmpty()) {
      throw new InvalidOptionException("A file's name is empty. Name the file.");
    }
    try {
      Path path = Path.of(text);
      if (text.indexOf(UNREADABLE) < 0 || Files.exists(path)) {
        return path;
      }
      throw notUtf8(text);
    } catch (InvalidPathException e) {
      if (text.indexOf(UNREADABLE) >= 0) {
        throw notUtf8(text);
      }
      throw new InvalidOptionException(
          "No file can be called '" + text.replace('\0', '?') + "': " + e.getReason() + ".", e);
    }
  }

  private static InvalidOptionException notUtf8(String text) {
    return new InvalidOptionException(
        "'" + text + "': the name is not UTF-8, and Belljar knows no others. Rename the file.");
  }
}
