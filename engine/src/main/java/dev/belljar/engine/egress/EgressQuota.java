package dev.belljar.engine.egress;

import dev.belljar.ByteSize;
import dev.belljar.EgressLimits;
import dev.belljar.EgressTotals.Limit;
import java.io.IOException;
import java.time.Duration;

/** What is left of a sandbox's limits. */
final class EgressQuota {
  /** Whoever would wait longer is refused. */
  private static final long LONGEST_WAIT_NANOS = Duration.ofSeconds(10).toNanos();

  private final EgressLimits limits;
  private final Pace connecting;
  private final Pace asking;
  private int open;
  private long bytes;

  EgressQuota(EgressLimits limits) {
    this.limits = limits;
    connecting = new Pace(limits.perSecond());
    asking = new Pace(limits.perSecond());
  }

  /** The sandbox has had what it may have. */
  static final class ExhaustedException extends IOException {
    private static final long serialVersionUID = 1L;
    private final Limit limit;

    ExhaustedException(Limit limit, String message) {
      super(message);
      this.limit = limit;
    }

    /** Which limit it was. */
    Limit limit() {
      return limit;
    }
  }

  /** Waits for the turn of a look-up. */
  void lookup() throws InterruptedException, ExhaustedException {
    if (!asking.await()) {
      throw new ExhaustedException(Limit.PER_SECOND, tooFast("names"));
    }
  }

  /** Waits for the turn of a connection and takes a place for it. */
  void connect() throws InterruptedException, ExhaustedException {
    if (!connecting.await()) {
      throw new ExhaustedException(Limit.PER_SECOND, tooFast("connections"));
    }
    synchronized (this) {
      if (limits.bytes().isPresent() && bytes >= limits.bytes().get().bytes()) {
        throw new ExhaustedException(Limit.BYTES, exhausted(limits.bytes().get()));
      }
      if (open >= limits.connections()) {
        throw new ExhaustedException(
            Limit.CONNECTIONS, "there are " + open + " connections, the sandbox's limit");
      }
      open++;
    }
  }

  /** Gives a place back. */
  synchronized void disconnected() {
    open--;
  }

  /** Counts bytes that were carried. */
  synchronized void carried(int count) throws ExhaustedException {
    bytes += count;
    if (limits.bytes().isPresent() && bytes > limits.bytes().get().bytes()) {
      throw new ExhaustedException(Limit.BYTES, exhausted(limits.bytes().get()));
    }
  }

  Duration idle() {
    return limits.idle();
  }

  private String tooFast(String what) {
    return "too many " + what + " wait: " + limits.perSecond() + " per second may begin";
  }

  private static String exhausted(ByteSize most) {
    return "the sandbox has carried " + most + ", its limit";
  }

  /** So many in a second, a second's worth of which may come at once. */
  private static final class Pace {
    private static final long SECOND = 1_000_000_000L;
    private final long interval;
    private long next = System.nanoTime() - SECOND;

    Pace(int perSecond) {
      interval = SECOND / perSecond;
    }

    boolean await() throws InterruptedException {
      long wait;
      synchronized (this) {
        long now = System.nanoTime();
        next = Math.max(next, now - SECOND) + interval;
        wait = next - now;
        if (wait > LONGEST_WAIT_NANOS) {
          next -= interval;
          return false;
        }
      }
      if (wait > 0) {
        Thread.sleep(Duration.ofNanos(wait));
      }
      return true;
    }
  }
}
