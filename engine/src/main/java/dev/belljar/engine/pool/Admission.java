package dev.belljar.engine.pool;

import dev.belljar.ByteSize;
import dev.belljar.HostBusyException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whose turn it is to have a machine started. As many are started at once as the host has
 * processors: more would only make each of them, and the sandboxes that run, slow. Those who wait
 * take turns by organization, so that one that wants many does not keep others waiting.
 */
public final class Admission {
  private static final Logger LOG = LoggerFactory.getLogger(Admission.class);

  /** How many may wait. */
  static final int LONGEST_QUEUE = 1000;

  /** How many of one organization may, so that it does not keep others from waiting. */
  static final int LONGEST_OF_ONE = LONGEST_QUEUE / 4;

  /** How often somebody who waits for memory looks again. */
  private static final Duration LOOK = Duration.ofMillis(100);

  /** What is asked of a sandbox first is waited for most. */
  private static final long FIRST_MOMENT = TimeUnit.MILLISECONDS.toNanos(100);

  private final int atOnce;
  private final Duration patience;
  private final HostMemory memory;
  private final ReentrantLock lock = new ReentrantLock();

  /** By organization; the first is served next. */
  private final Map<String, Deque<Waiter>> queues = new LinkedHashMap<>();

  /** When those machines were started whose sandboxes may be in their first moment. */
  private final Deque<Long> started = new ArrayDeque<>();

  private int starting;
  private int waiting;

  private static final class Waiter {
    final Condition called;
    boolean served;

    Waiter(Condition called) {
      this.called = called;
    }
  }

  /** One's turn; given back when the machine has started, or did not. */
  public interface Turn extends AutoCloseable {
    @Override
    void close();
  }

  /**
   * For a host.
   *
   * @param atOnce how many machines may be started at the same time
   * @param patience how long one waits
   */
  public Admission(int atOnce, Duration patience, HostMemory memory) {
    this.atOnce = atOnce;
    this.patience = patience;
    this.memory = memory;
  }

  /**
   * Whether half the processors start machines for sandboxes, or run the first moment of such a
   * sandbox.
   */
  public boolean isBusy() {
    lock.lock();
    try {
      long now = System.nanoTime();
      while (!started.isEmpty() && now - started.getFirst() > FIRST_MOMENT) {
        started.removeFirst();
      }
      return starting + started.size() >= Math.max(1, atOnce / 2);
    } finally {
      lock.unlock();
    }
  }

  /** Whether somebody waits for his turn. */
  public boolean isAwaited() {
    lock.lock();
    try {
      return waiting > 0;
    } finally {
      lock.unlock();
    }
  }

  /** Whether machines are started on more than half of the processors, or somebody waits. */
  public boolean isCrowded() {
    lock.lock();
    try {
      return starting > Math.max(1, atOnce / 2) || waiting > 0;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Blocks until a machine may be started.
   *
   * @throws HostBusyException where it did not come to that in time
   */
  public Turn enter(String organization) throws InterruptedException {
    long deadline = System.nanoTime() + patience.toNanos();
    awaitTurn(organization, deadline);
    try {
      awaitMemory(deadline);
    } catch (InterruptedException | RuntimeException e) {
      leave();
      throw e;
    }
    return this::leave;
  }

  private void awaitTurn(String organization, long deadline) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      if (starting < atOnce && waiting == 0) {
        starting++;
        return;
      }
      if (waiting >= LONGEST_QUEUE) {
        throw new HostBusyException(
            "%d sandboxes wait to be made on this host: no more can. Try again later."
                .formatted(waiting));
      }
      Deque<Waiter> queue = queues.getOrDefault(organization, new ArrayDeque<>());
      if (queue.size() >= LONGEST_OF_ONE) {
        throw new HostBusyException(
            "%d of your sandboxes wait to be made on this host: no more can. Try again later."
                .formatted(queue.size()));
      }
      Waiter waiter = new Waiter(lock.newCondition());
      queue.addLast(waiter);
      queues.putIfAbsent(organization, queue);
      waiting++;
      try {
        while (!waiter.served) {
          long remaining = deadline - System.nanoTime();
          if (remaining <= 0) {
            throw new HostBusyException(
                "This host is busy: in %d s it was nobody's turn but others' to have a machine started (%d wait). Try again later."
                    .formatted(patience.toSeconds(), waiting));
          }
          waiter.called.awaitNanos(remaining);
        }
      } catch (InterruptedException | RuntimeException e) {
        giveUp(organization, waiter);
        throw e;
      }
    } finally {
      lock.unlock();
    }
  }

  /** Under the lock: its turn may have come just now, and is somebody else's then. */
  private void giveUp(String organization, Waiter waiter) {
    if (waiter.served) {
      next();
      return;
    }
    Deque<Waiter> queue = queues.get(organization);
    if (queue != null && queue.remove(waiter)) {
      waiting--;
      if (queue.isEmpty()) {
        queues.remove(organization);
      }
    }
  }

  private void leave() {
    lock.lock();
    try {
      started.addLast(System.nanoTime());
      if (started.size() > atOnce) {
        started.removeFirst();
      }
      next();
    } finally {
      lock.unlock();
    }
  }

  /** Hands a turn on; the organization goes to the end of the row. */
  private void next() {
    var first = queues.entrySet().iterator();
    if (!first.hasNext()) {
      starting--;
      return;
    }
    Map.Entry<String, Deque<Waiter>> served = first.next();
    String organization = served.getKey();
    Deque<Waiter> queue = served.getValue();
    first.remove();
    Waiter waiter = queue.removeFirst();
    waiting--;
    waiter.served = true;
    waiter.called.signal();
    if (!queue.isEmpty()) {
      queues.put(organization, queue);
    }
  }

  private void awaitMemory(long deadline) throws InterruptedException {
    while (!memory.forOneMore()) {
      if (System.nanoTime() - deadline > 0) {
        LOG.info(
            "Memory is short: {} are left, and {} of that are not for sandboxes",
            new ByteSize(memory.available()),
            new ByteSize(memory.reserve()));
        throw new HostBusyException(
            "This host's memory is short: end some sandboxes, or try again later.");
      }
      TimeUnit.NANOSECONDS.sleep(LOOK.toNanos());
    }
  }
}
