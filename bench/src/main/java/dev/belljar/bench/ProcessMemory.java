package dev.belljar.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The memory of a process, as this host's kernel accounts for it. */
final class ProcessMemory {
  private ProcessMemory() {}

  /**
   * The megabytes of a line of {@code smaps_rollup} (proc_pid_smaps(5)), which has kibibytes.
   *
   * @param directory the process's in {@code /proc}
   */
  static double megabytes(Path directory, String line) throws IOException {
    for (String text : Files.readAllLines(directory.resolve("smaps_rollup"))) {
      if (text.startsWith(line + ":")) {
        return Long.parseLong(text.replaceAll("[^0-9]", "")) * 1024 / 1e6;
      }
    }
    throw new IOException("There is no line " + line + " in " + directory + "/smaps_rollup");
  }
}
