package dev.belljar.engine;

import dev.belljar.engine.storage.FileTree;
import java.io.IOException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.util.Optional;

/**
 * The directory of a machine, in which that may replace anything by links at any moment: it is
 * walked by descriptors that follow none.
 */
final class MachineDirectory {
  private MachineDirectory() {}

  /**
   * Moves a file into it, in the place of whatever has that name.
   *
   * @param file in a directory that the machine does not reach, on the same file system
   * @param machine its directory
   * @param target in that directory, or in one in it
   */
  static void move(Path file, Path machine, Path target) throws IOException {
    Path within = machine.relativize(target);
    Path directory = Optional.ofNullable(file.getParent()).orElseThrow();
    try (SecureDirectoryStream<Path> from = FileTree.open(directory);
        SecureDirectoryStream<Path> top = FileTree.open(machine)) {
      if (within.getNameCount() == 1) {
        from.move(file.getFileName(), top, within);
        return;
      }
      if (within.getNameCount() != 2 || within.startsWith("..")) {
        throw new IOException(target + " is not in the machine's directory");
      }
      try (SecureDirectoryStream<Path> below =
          top.newDirectoryStream(within.getName(0), LinkOption.NOFOLLOW_LINKS)) {
        from.move(file.getFileName(), below, within.getFileName());
      }
    }
  }
}
