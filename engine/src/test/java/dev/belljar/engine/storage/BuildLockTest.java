package dev.belljar.engine.storage;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class BuildLockTest {
  private static final Duration SHORT = Duration.ofMillis(300);

  @TempDir private Path directory;

  @Test
  void aProcessThatHasItAndStandsStillIsNamed() throws Exception {
    Path file = directory.resolve("lock");
    Process holder = holder(file);
    try {
      new ProcessBuilder("kill", "-STOP", Long.toString(holder.pid())).start().waitFor();
      AtomicBoolean waited = new AtomicBoolean();

      assertThatThrownBy(() -> BuildLock.acquire(file, SHORT, () -> waited.set(true)))
          .isInstanceOf(IOException.class)
          .hasMessageContaining(file.toString())
          .hasMessageContaining("process " + holder.pid() + ".");
      assertThat(waited).isTrue();
    } finally {
      holder.destroyForcibly().waitFor();
    }
    BuildLock.acquire(file, SHORT).close();
  }

  @Test
  void itIsTakenWhenTheProcessThatHadItEnds() throws Exception {
    Path file = directory.resolve("lock");
    Process holder = holder(file);
    Thread.ofVirtual().start(holder::destroyForcibly);

    BuildLock.acquire(file, Duration.ofSeconds(20)).close();
  }

  @Test
  void anotherThreadIsWaitedForNoLonger() throws Exception {
    Path file = directory.resolve("lock");
    try (BuildLock held = BuildLock.acquire(file, SHORT)) {
      assertThat(held).isNotNull();
      AtomicBoolean refused = new AtomicBoolean();
      Thread other =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      BuildLock.acquire(file, SHORT).close();
                    } catch (IOException e) {
                      refused.set(true);
                    }
                  });
      other.join(SECONDS.toMillis(20));

      assertThat(refused).isTrue();
    }
  }

  /** A process that has the lock when this returns. */
  private static Process holder(Path file) throws IOException {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Holder.class.getName(),
                file.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    assertThat(process.inputReader().readLine()).isEqualTo("locked");
    return process;
  }

  /** Holds a lock until it is killed, a minute at most. */
  static final class Holder {
    private Holder() {}

    public static void main(String[] args) throws Exception {
      try (FileChannel channel =
              FileChannel.open(
                  Path.of(args[0]), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
          var lock = channel.lock()) {
        System.out.println("locked");
        SECONDS.sleep(lock.isValid() ? 60 : 0);
      }
    }
  }
}
