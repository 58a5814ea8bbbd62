package dev.belljar.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** Belljar's command line, as users start it. */
final class Launcher {
  private Launcher() {}

  /**
   * The launcher of a checkout that is built: what is measured is not to include a build.
   *
   * @throws SkippedException where it is not built
   */
  static Path in(Path root) throws IOException, SkippedException {
    Path launcher = root.resolve("belljar");
    if (!Files.isExecutable(launcher) || !isBuilt(root.resolve("cli/target"))) {
      throw new SkippedException("the command line is not built; run './belljar setup' first");
    }
    return launcher;
  }

  private static boolean isBuilt(Path target) throws IOException {
    if (!Files.isDirectory(target)) {
      return false;
    }
    try (Stream<Path> entries = Files.list(target)) {
      return entries.anyMatch(entry -> String.valueOf(entry.getFileName()).startsWith("app-"));
    }
  }
}
