package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.belljar.Sandbox;
import dev.belljar.engine.storage.Directories;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;

/**
 * What this process has of the host at one moment: descriptors, threads, mounts. Machines and their
 * files it has none, by then.
 */
record HostStock(Path run, long descriptors, int threads, List<String> mounts) {
  /**
   * What the JVM itself may need more of: its own pollers and threads come when they are needed.
   */
  private static final int OWN_USE = 12;

  /** After one sandbox, so that what is made once for all is there. */
  static HostStock take() throws IOException {
    Path run;
    try (Sandbox first = Sandbox.create()) {
      first.sh("true").text();
      String own = HostProcesses.runDirectories(ProcessHandle.current()).iterator().next();
      run = Directories.ofUser().run().resolve(own);
    }
    return new HostStock(
        run, entries(Path.of("/proc/self/fd")), Thread.activeCount(), currentMounts());
  }

  /** Waits a little until everything that came since is gone. */
  void assertNothingMore() {
    await()
        .atMost(Duration.ofSeconds(15))
        .untilAsserted(
            () -> {
              assertThat(HostProcesses.machinery(ProcessHandle.current()))
                  .extracting(process -> HostProcesses.commandLine(process.pid()))
                  .isEmpty();
              assertThat(names(run)).as("run directories").isEmpty();
              assertThat(entries(Path.of("/proc/self/fd")))
                  .as(HostStock::openFiles)
                  .isLessThanOrEqualTo(descriptors + OWN_USE);
              assertThat(Thread.activeCount()).as("threads").isLessThanOrEqualTo(threads + OWN_USE);
              assertThat(currentMounts()).as("mounts").hasSameElementsAs(mounts);
            });
  }

  private static List<String> currentMounts() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/mounts"));
  }

  private static List<String> names(Path directory) throws IOException {
    try (Stream<Path> all = Files.list(directory)) {
      return all.map(path -> String.valueOf(path.getFileName())).toList();
    }
  }

  private static String openFiles() {
    StringBuilder all = new StringBuilder("descriptors");
    try (Stream<Path> links = Files.list(Path.of("/proc/self/fd"))) {
      for (Path link : (Iterable<Path>) links::iterator) {
        all.append(' ').append(Files.isSymbolicLink(link) ? Files.readSymbolicLink(link) : link);
      }
    } catch (IOException e) {
      all.append(" of which one was closed meanwhile");
    }
    return all.toString();
  }

  private static long entries(Path directory) throws IOException {
    try (Stream<Path> all = Files.list(directory)) {
      return all.count();
    }
  }
}
