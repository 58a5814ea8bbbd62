package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.Sandbox;
import dev.belljar.SandboxUnavailableException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Many want a sandbox at the same time, of a host with few processors. */
@Timeout(240)
class ManyCreatesIT {

  @Test
  void sixteenCreatesAtOnceAllSucceedAndLeaveNothing() throws Exception {
    allAtOnce(16, Duration.ofMinutes(1));
  }

  @Test
  @Tag("attacks")
  void fiftyCreatesAtOnceAllSucceedAndLeaveNothing() throws Exception {
    allAtOnce(50, Duration.ofMinutes(3));
  }

  /** Every one is held until all are there. */
  private static void allAtOnce(int count, Duration limit) throws Exception {
    HostStock before = HostStock.take();
    long heap = usedHeap();
    CountDownLatch start = new CountDownLatch(1);
    List<FutureTask<Sandbox>> creates = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      FutureTask<Sandbox> create =
          new FutureTask<>(
              () -> {
                start.await();
                return Sandbox.create();
              });
      Thread.ofVirtual().start(create);
      creates.add(create);
    }
    long began = System.nanoTime();
    start.countDown();
    List<Sandbox> made = new ArrayList<>();
    List<Throwable> failures = new ArrayList<>();
    for (FutureTask<Sandbox> create : creates) {
      try {
        made.add(create.get(limit.toSeconds(), TimeUnit.SECONDS));
      } catch (java.util.concurrent.ExecutionException e) {
        assertThat(e).hasCauseInstanceOf(SandboxUnavailableException.class);
        failures.add(e);
      }
    }
    try {
      assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(limit);
      assertThat(failures).isEmpty();
      assertThat(made).extracting(Sandbox::id).doesNotHaveDuplicates().hasSize(count);
      for (Sandbox sandbox : made) {
        assertThat(sandbox.sh("echo $HOSTNAME").text().strip())
            .isEqualTo(sandbox.id().replace('_', '-'));
      }
      assertThat(usedHeap() - heap).as("heap of all").isLessThan(count * (2L << 20));
    } finally {
      made.forEach(Sandbox::close);
    }
    before.assertNothingMore();
  }

  private static long usedHeap() {
    System.gc();
    Runtime runtime = Runtime.getRuntime();
    return runtime.totalMemory() - runtime.freeMemory();
  }
}
