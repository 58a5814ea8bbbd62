package dev.belljar.server.rpc;

import java.time.Duration;

/**
 * How much of the heap all sockets together may hold for files and messages that are too large to
 * be ignored. What does not fit waits or is refused, so that no number of clients exhausts the
 * server.
 */
public final class HeapBudget {
  private final long limit;
  private long held;

  /** A budget of that many bytes. */
  public HeapBudget(long limit) {
    this.limit = limit;
  }

  /** A third of the heap. */
  public static HeapBudget ofHeap() {
    return new HeapBudget(Runtime.getRuntime().maxMemory() / 3);
  }

  /** Takes bytes if they are there. */
  public synchronized boolean tryTake(long bytes) {
    if (held + bytes > limit) {
      return false;
    }
    held += bytes;
    return true;
  }

  /**
   * Takes bytes, waiting for them.
   *
   * @return false where they were not there in time
   */
  public synchronized boolean take(long bytes, Duration limitOfWait) throws InterruptedException {
    long until = System.nanoTime() + limitOfWait.toNanos();
    while (!tryTake(bytes)) {
      long left = (until - System.nanoTime()) / 1_000_000;
      if (left <= 0) {
        return false;
      }
      wait(left);
    }
    return true;
  }

  /** Gives bytes back. */
  public synchronized void give(long bytes) {
    held -= bytes;
    notifyAll();
  }

  /** Bytes that are taken. */
  public synchronized long held() {
    return held;
  }
}
