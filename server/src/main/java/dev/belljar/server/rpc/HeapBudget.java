package dev.belljar.server.rpc;

import java.time.Duration;
import java.util.Optional;

/**
 * How much of the heap messages, answers, files and streams may hold. A budget may have shares, one
 * for each organization: what one holds leaves something to the others. What does not fit waits or
 * is refused, so that no number of clients exhausts the server.
 */
public final class HeapBudget {
  /** A share's waiting for what others give back. */
  private static final long LOOK_AGAIN_MILLIS = 20;

  private final long limit;
  private final Optional<HeapBudget> whole;
  private long held;

  private HeapBudget(long limit, Optional<HeapBudget> whole) {
    this.limit = limit;
    this.whole = whole;
  }

  /** A budget of that many bytes. */
  public HeapBudget(long limit) {
    this(limit, Optional.empty());
  }

  /** Half of the heap. */
  public static HeapBudget ofHeap() {
    return new HeapBudget(Runtime.getRuntime().maxMemory() / 2);
  }

  /** A share: three quarters of this at most, and no more than is left. */
  public HeapBudget share() {
    return new HeapBudget(limit / 4 * 3, Optional.of(this));
  }

  /** Takes bytes if they are there. */
  public synchronized boolean tryTake(long bytes) {
    if (bytes > limit - held || !whole.map(all -> all.tryTake(bytes)).orElse(true)) {
      return false;
    }
    held += bytes;
    return true;
  }

  /**
   * Takes bytes, waiting for them.
   *
   * @return false where they were not there in time, or can never be
   */
  public synchronized boolean take(long bytes, Duration limitOfWait) throws InterruptedException {
    long until = System.nanoTime() + limitOfWait.toNanos();
    while (!tryTake(bytes)) {
      long left = (until - System.nanoTime()) / 1_000_000;
      if (left <= 0 || bytes > limit) {
        return false;
      }
      wait(Math.min(left, LOOK_AGAIN_MILLIS));
    }
    return true;
  }

  /** Gives bytes back. */
  public synchronized void give(long bytes) {
    held -= bytes;
    whole.ifPresent(all -> all.give(bytes));
    notifyAll();
  }

  /** Bytes that are taken. */
  public synchronized long held() {
    return held;
  }

  /** Whether so little is left that nobody should begin to hold more. */
  public synchronized boolean scarce() {
    return held > limit / 4 * 3 || whole.map(HeapBudget::scarce).orElse(false);
  }
}
