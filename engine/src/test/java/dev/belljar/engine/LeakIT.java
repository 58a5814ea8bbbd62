package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.belljar.Sandbox;
import dev.belljar.SandboxClosedException;
import dev.belljar.engine.storage.Directories;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Many sandboxes leave no process, file, descriptor or thread. */
@Timeout(300)
class LeakIT {
  private static final int MANY = 200;

  private Path run;
  private long descriptors;
  private int threads;

  /** After one sandbox, so that what is made once for all is there. */
  @BeforeEach
  void takeStock() throws IOException {
    try (Sandbox first = Sandbox.create()) {
      first.sh("true").text();
      String own = HostProcesses.runDirectories(ProcessHandle.current()).iterator().next();
      run = Directories.ofUser().run().resolve(own);
    }
    descriptors = entries(Path.of("/proc/self/fd"));
    threads = Thread.activeCount();
  }

  @Test
  void twoHundredOneAfterAnotherLeaveNothing() throws IOException {
    for (int i = 0; i < MANY; i++) {
      try (Sandbox sandbox = Sandbox.create()) {
        assertThat(sandbox.sh("echo " + i).text()).isEqualTo(i + "\n");
      }
    }
    assertNothingIsLeft();
  }

  @Test
  void tenAtOnceLeaveNothing() throws Exception {
    List<FutureTask<String>> runs = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      runs.add(
          new FutureTask<>(
              () -> {
                try (Sandbox sandbox = Sandbox.create()) {
                  return sandbox.id() + sandbox.sh("echo; sleep 1; echo").text();
                }
              }));
    }
    runs.forEach(Thread.ofVirtual()::start);
    List<String> said = new ArrayList<>();
    for (FutureTask<String> one : runs) {
      said.add(one.get(60, TimeUnit.SECONDS));
    }
    assertThat(said).doesNotHaveDuplicates().allMatch(text -> text.endsWith("\n\n"));
    assertNothingIsLeft();
  }

  @Test
  void sandboxesClosedWhileBusyLeaveNothing() throws IOException {
    for (int i = 0; i < 10; i++) {
      Sandbox sandbox = Sandbox.create();
      sandbox.spawn("yes");
      sandbox.spawn("sleep", "1000");
      sandbox.fs().newInputStream("/dev/zero");
      Thread.ofVirtual()
          .start(
              () -> {
                try {
                  sandbox.sh("sleep 1000").text();
                } catch (SandboxClosedException e) {
                  // As it must.
                }
              });
      sandbox.close();
    }
    assertNothingIsLeft();
  }

  private void assertNothingIsLeft() throws IOException {
    await()
        .atMost(Duration.ofSeconds(10))
        .untilAsserted(
            () -> {
              assertThat(HostProcesses.machinery(ProcessHandle.current())).isEmpty();
              assertThat(entries(run)).as("run directories").isZero();
              assertThat(entries(Path.of("/proc/self/fd")))
                  .as("descriptors")
                  .isLessThanOrEqualTo(descriptors + 5);
              assertThat(Thread.activeCount()).as("threads").isLessThanOrEqualTo(threads + 5);
            });
  }

  private static long entries(Path directory) throws IOException {
    try (Stream<Path> all = Files.list(directory)) {
      return all.count();
    }
  }
}
