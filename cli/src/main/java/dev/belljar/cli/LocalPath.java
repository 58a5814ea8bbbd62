package dev.belljar.cli;

import dev.belljar.InvalidOptionException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/** Paths of this host, as users write them. */
final class LocalPath {
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
      return Path.of(text);
    } catch (InvalidPathException e) {
      throw new InvalidOptionException(
          "No file can be called '" + text.replace('\0', '?') + "': " + e.getReason() + ".", e);
    }
  }
}
