package dev.belljar.bench;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Deque;
import java.util.Optional;

/**
 * Where a report goes as JSON.
 *
 * @param file beside the table on standard output; empty: there, instead of the table
 */
record JsonDestination(Optional<Path> file) {

  /**
   * What follows the option: a file, or nothing.
   *
   * @throws IllegalArgumentException where the file could not be written when all is measured
   */
  static JsonDestination following(Deque<String> left) {
    String next = left.peek();
    if (next == null || next.startsWith("-")) {
      return new JsonDestination(Optional.empty());
    }
    Path file = Path.of(left.remove()).toAbsolutePath();
    boolean writable =
        Files.exists(file)
            ? Files.isRegularFile(file) && Files.isWritable(file)
            : Files.isWritable(file.getParent());
    if (!writable) {
      throw new IllegalArgumentException("The file '" + file + "' of --json cannot be written.");
    }
    return new JsonDestination(Optional.of(file));
  }

  /** Prints the table, or the JSON in its place, and writes the file. */
  static void write(Optional<JsonDestination> output, PrintStream out, String table, String json)
      throws IOException {
    Optional<Path> file = output.flatMap(JsonDestination::file);
    if (file.isPresent()) {
      Files.writeString(file.get(), json);
    }
    out.print(output.isPresent() && file.isEmpty() ? json : table);
  }
}
