package dev.belljar.engine;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.function.LongSupplier;

/**
 * How long a sandbox lives: counted by a clock that nobody sets, told as a time of the one that
 * people read. Where that is set meanwhile, the time told follows and the count does not. Not safe
 * for several threads.
 */
final class Lifetime {
  /** Reading two clocks is not one moment; less than this is no jump. */
  private static final Duration SAME = Duration.ofSeconds(1);

  private final InstantSource clock;
  private final LongSupplier ticks;
  private boolean endless = true;
  private long endNanos;
  private Instant told = Instant.MAX;

  /**
   * Without an end, until one is set.
   *
   * @param ticks nanoseconds, as of {@link System#nanoTime}
   */
  Lifetime(InstantSource clock, LongSupplier ticks) {
    this.clock = clock;
    this.ticks = ticks;
  }

  /** Ends it so long from now. */
  void endIn(Duration remaining) {
    endless = false;
    endNanos = ticks.getAsLong() + remaining.toNanos();
    told = clock.instant().plus(remaining);
  }

  /** Whether it has an end that comes before one so long from now. */
  boolean endsBefore(Duration remaining) {
    return !endless && endNanos - ticks.getAsLong() < remaining.toNanos();
  }

  /** When it ends, by the clock as it is now; {@link Instant#MAX} for never. */
  Instant end() {
    if (endless) {
      return Instant.MAX;
    }
    Instant end = clock.instant().plusNanos(endNanos - ticks.getAsLong());
    if (Duration.between(told, end).abs().compareTo(SAME) > 0) {
      told = end;
    }
    return told;
  }
}
