package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class AwakeLimitTest {
  private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
  private final AtomicInteger over = new AtomicInteger();

  @AfterEach
  void end() {
    timer.shutdownNow();
  }

  private Future<?> limit(Duration limit) {
    return AwakeLimit.after(limit, timer, over::incrementAndGet);
  }

  @Test
  void itIsOverOnce() {
    Future<?> shorter = limit(Duration.ofMillis(20));
    Future<?> longer = limit(Duration.ofMillis(200));
    await().until(() -> over.get() == 2);
    assertThat(shorter.cancel(false)).isTrue();
    assertThat(longer.cancel(false)).isTrue();
  }

  @Test
  void whatIsCancelledIsNeverOver() {
    assertThat(limit(Duration.ofMillis(40)).cancel(false)).isTrue();
    Future<?> other = limit(Duration.ofMillis(200));
    await().until(() -> over.get() > 0);
    assertThat(over).hasValue(1);
    other.cancel(false);
  }

  /** As when the host is suspended, this process is stopped for longer than the limit. */
  @Test
  void aStandstillOfThisProcessDoesNotCount() throws Exception {
    Future<?> limit = limit(Duration.ofSeconds(8));
    String self = Long.toString(ProcessHandle.current().pid());
    String script = "kill -STOP $0; sleep 9; kill -CONT $0";
    assertThat(new ProcessBuilder("sh", "-c", script, self).start().waitFor()).isZero();
    assertThat(over).hasValue(0);
    limit.cancel(false);
  }
}
