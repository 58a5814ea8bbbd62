package dev.belljar.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * The process that a machine is, as this host's kernel accounts for it.
 *
 * @param directory its directory in {@code /proc}
 */
record QemuProcess(Path directory) {

  /** Those that this program has started and that run. */
  static List<QemuProcess> running() {
    try (Stream<ProcessHandle> descendants = ProcessHandle.current().descendants()) {
      return descendants
          .map(process -> Path.of("/proc", Long.toString(process.pid())))
          .filter(QemuProcess::isQemu)
          .map(QemuProcess::new)
          .toList();
    }
  }

  /** The megabytes of a line of its memory. */
  double megabytes(String line) throws IOException {
    return ProcessMemory.megabytes(directory, line);
  }

  /** Nanoseconds that its threads have run; {@code schedstat} counts finer than ticks of 10 ms. */
  long runNanos() throws IOException {
    List<Path> threads = new ArrayList<>();
    try (Stream<Path> tasks = Files.list(directory.resolve("task"))) {
      tasks.forEach(threads::add);
    }
    long nanos = 0;
    for (Path thread : threads) {
      String text = Files.readString(thread.resolve("schedstat"), StandardCharsets.US_ASCII);
      nanos += Long.parseLong(text.substring(0, text.indexOf(' ')));
    }
    return nanos;
  }

  private static boolean isQemu(Path directory) {
    try {
      // The kernel keeps 15 characters of a name.
      return Files.readString(directory.resolve("comm")).startsWith("qemu-system");
    } catch (IOException e) {
      return false;
    }
  }
}
