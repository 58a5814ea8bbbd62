package dev.belljar.engine;

import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A limit to what a machine takes, in which time does not count that this process stood still: on a
 * host that was suspended, or froze what runs on it, the machine stood still as well, and would be
 * given up at the instant at which it could go on.
 */
final class AwakeLimit {
  /** A standstill counts for no more than one of them. */
  private static final int SLICES = 20;

  private AwakeLimit() {}

  /**
   * Does something when the limit is over, unless it is cancelled before. It is to be cancelled in
   * any case: until then, the timer looks at it.
   *
   * @throws RejectedExecutionException where the timer takes nothing more
   */
  static Future<?> after(Duration limit, ScheduledExecutorService timer, Runnable over) {
    long slice = Math.max(1, limit.toMillis() / SLICES);
    AtomicInteger passed = new AtomicInteger();
    return timer.scheduleWithFixedDelay(
        () -> {
          if (passed.incrementAndGet() == SLICES) {
            over.run();
          }
        },
        slice,
        slice,
        TimeUnit.MILLISECONDS);
  }
}
