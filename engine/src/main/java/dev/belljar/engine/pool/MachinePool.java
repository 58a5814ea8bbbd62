package dev.belljar.engine.pool;

import dev.belljar.SandboxPool.Status;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Machines that wait, made by one thread and improved by another, after what is more urgent. Owns
 * those that wait; whoever takes one owns it.
 *
 * @param <S> what tells machines apart that cannot stand in for each other
 * @param <M> a machine
 */
public final class MachinePool<S, M extends MachinePool.Waiting> implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(MachinePool.class);

  /** As many machines wait as were asked for within this time. */
  private static final long MEMORY_OF_DEMAND = TimeUnit.SECONDS.toNanos(10);

  /** How often what waits is looked at. */
  private static final long LOOK = TimeUnit.SECONDS.toNanos(1);

  /** How often it is looked whether the host is still busy. */
  private static final long MOMENT = TimeUnit.MILLISECONDS.toNanos(20);

  /**
   * What was taken is replaced this long after the last one was: making a machine would take the
   * processors from its first commands.
   */
  private static final long LULL = TimeUnit.MILLISECONDS.toNanos(100);

  /** What is to be done waits no longer than this for those who make sandboxes without end. */
  private static final long PATIENCE = TimeUnit.MILLISECONDS.toNanos(300);

  /** The same where others wait for their turn to have a machine started. */
  private static final long PATIENCE_IN_A_CROWD = TimeUnit.SECONDS.toNanos(5);

  /** How long a machine that is being made is waited for when the pool is closed. */
  private static final Duration LAST_WAIT = Duration.ofSeconds(2);

  /** What cannot be made is tried again after this, and after twice as long the next time. */
  private static final long FIRST_BREAK = TimeUnit.SECONDS.toNanos(1);

  private static final long LONGEST_BREAK = TimeUnit.SECONDS.toNanos(60);

  /** None is made for so long after one was given up for want of memory. */
  private static final long SCARCITY = TimeUnit.SECONDS.toNanos(30);

  /** A machine that waits. */
  public interface Waiting extends AutoCloseable {
    /** Whether it still can be used; does not block. */
    boolean isAlive();

    /** Ends it and removes what it has. */
    @Override
    void close();
  }

  /**
   * How machines are made.
   *
   * @param <S> what tells them apart
   * @param <M> a machine
   */
  public interface Maker<S, M> {
    /** Makes one and blocks until it can be used. */
    M make(S shape) throws IOException, InterruptedException;

    /**
     * Does more for one that waits, and may be taken meanwhile: once for each, begun when as many
     * wait as are to. Others are made beside it.
     */
    default void improve(M machine) throws IOException, InterruptedException {}
  }

  /**
   * How many wait.
   *
   * @param minimum when nothing happens
   * @param maximum at most
   */
  public record Bounds(int minimum, int maximum) {}

  /** What the host can spare; must not block. */
  public interface Room {
    /** Whether there is memory for one machine more; what waits is given up where there is not. */
    boolean forOneMore();

    /** Whether there is so much that one more may wait: clearly more than for the above. */
    boolean forOneToWait();

    /** Whether somebody has something more urgent done. */
    boolean isBusy();

    /** Whether others wait until they may have that done, too. */
    boolean isAwaited();
  }

  private final Map<S, Shelf<M>> shelves = new LinkedHashMap<>();
  private final Maker<S, M> maker;
  private final Room room;
  private final long longestWait;
  private final LongSupplier clock;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Thread filler;
  private final Thread improver;
  private boolean closed;

  /** What was given up and is yet to be ended, by the thread that makes machines. */
  private final Deque<M> ending = new ArrayDeque<>();

  /** Until when none is made, since memory was short. */
  private long scarceUntil;

  /** How often one was made, or tried to be. */
  private long turns;

  private long taken;
  private long missed;
  private long discarded;

  /** Until when whoever took a machine last has the processors. */
  private long lullUntil;

  /** Whether something is to be done, and since when. */
  private boolean due;

  private long dueSince;

  /** When others were last seen to wait for their turn. */
  private long crowdedAt;

  private static final class Shelf<M> {
    final Bounds bounds;
    final Deque<Ready<M>> ready = new ArrayDeque<>();

    /** When machines were asked for; no more than the maximum need be known. */
    final Deque<Long> demand = new ArrayDeque<>();

    /** What could not be made is tried again then. */
    long resumeAt;

    private long pause;

    /** When one was last made for it, or could not be, in the order of all that was. */
    long turn;

    Shelf(Bounds bounds, long now) {
      this.bounds = bounds;
      resumeAt = now;
    }

    /** Tells whether that is news. */
    boolean failed(long now) {
      boolean first = pause == 0;
      pause = Math.clamp(pause * 2, FIRST_BREAK, LONGEST_BREAK);
      resumeAt = now + pause;
      return first;
    }

    void put(M machine, long now) {
      pause = 0;
      ready.addLast(new Ready<>(machine, now));
    }

    boolean wants(long now) {
      return now - resumeAt >= 0 && ready.size() < target(now);
    }

    int target(long now) {
      while (!demand.isEmpty() && now - demand.getFirst() > MEMORY_OF_DEMAND) {
        demand.removeFirst();
      }
      return Math.clamp(demand.size(), bounds.minimum, bounds.maximum);
    }

    void askedFor(long now) {
      demand.addLast(now);
      if (demand.size() > bounds.maximum) {
        demand.removeFirst();
      }
    }

    /** Takes off the shelf what is missed least: what was improved is not, where there is other. */
    Ready<M> leastReady() {
      Ready<M> least =
          ready.stream().filter(one -> !one.improved).findFirst().orElseGet(ready::getFirst);
      ready.remove(least);
      return least;
    }
  }

  private static final class Ready<M> {
    final M machine;
    final long since;
    boolean begun;
    boolean improved;

    Ready(M machine, long since) {
      this.machine = machine;
      this.since = since;
    }
  }

  private MachinePool(
      Map<S, Bounds> sizes,
      Duration longestWait,
      Maker<S, M> maker,
      Room room,
      LongSupplier clock) {
    long now = clock.getAsLong();
    sizes.forEach((shape, bounds) -> shelves.put(shape, new Shelf<>(bounds, now)));
    this.longestWait = longestWait.toNanos();
    this.maker = maker;
    this.room = room;
    this.clock = clock;
    lullUntil = now;
    scarceUntil = now;
    crowdedAt = now;
    filler = Thread.ofVirtual().name("pool").unstarted(() -> repeat(this::makeNext));
    improver =
        Thread.ofVirtual().name("pool's improver").unstarted(() -> repeat(this::improveNext));
  }

  /**
   * Begins to make machines.
   *
   * @param longestWait how long one waits before it is replaced
   * @param clock nanoseconds, of a clock that nobody sets
   */
  public static <S, M extends Waiting> MachinePool<S, M> open(
      Map<S, Bounds> sizes,
      Duration longestWait,
      Maker<S, M> maker,
      Room room,
      LongSupplier clock) {
    MachinePool<S, M> pool = new MachinePool<>(sizes, longestWait, maker, room, clock);
    pool.filler.start();
    pool.improver.start();
    return pool;
  }

  /** Gives away the machine of that shape that waited longest; does not block. */
  public Optional<M> take(S shape) {
    lock.lock();
    try {
      Shelf<M> shelf = shelves.get(shape);
      if (shelf == null || closed) {
        return Optional.empty();
      }
      long now = clock.getAsLong();
      lullUntil = now + LULL;
      shelf.askedFor(now);
      changed.signalAll();
      for (Ready<M> next = shelf.ready.pollFirst(); next != null; next = shelf.ready.pollFirst()) {
        if (isUsable(next, now)) {
          taken++;
          return Optional.of(next.machine);
        }
        giveUp(next);
      }
      missed++;
      return Optional.empty();
    } finally {
      lock.unlock();
    }
  }

  private boolean isUsable(Ready<M> ready, long now) {
    return ready.machine.isAlive() && now - ready.since <= longestWait;
  }

  /** Under the lock, for what no longer is on its shelf. */
  private void giveUp(Ready<M> ready) {
    discarded++;
    ending.addLast(ready.machine);
  }

  /**
   * Takes back what was taken and cannot be used, to have it ended; does not block. Whoever took it
   * found none.
   */
  public void discard(M machine) {
    boolean late;
    lock.lock();
    try {
      taken--;
      missed++;
      discarded++;
      late = closed;
      if (!late) {
        ending.addLast(machine);
        changed.signalAll();
      }
    } finally {
      lock.unlock();
    }
    if (late) {
      close(machine);
    }
  }

  /** What it has and did. */
  public Status status() {
    lock.lock();
    try {
      int waiting = shelves.values().stream().mapToInt(shelf -> shelf.ready.size()).sum();
      return new Status(waiting, taken, missed, discarded);
    } finally {
      lock.unlock();
    }
  }

  /** Blocks until what is to wait at least does, improved; tells whether it came to that. */
  public boolean awaitReady(Duration limit) throws InterruptedException {
    long remaining = limit.toNanos();
    lock.lockInterruptibly();
    try {
      while (!isReady()) {
        if (remaining <= 0 || closed) {
          return false;
        }
        remaining = changed.awaitNanos(remaining);
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  private boolean isReady() {
    return shelves.values().stream()
        .allMatch(
            shelf ->
                shelf.ready.stream().filter(ready -> ready.improved).count()
                    >= shelf.bounds.minimum);
  }

  /**
   * Ends all that wait and the threads that make them. Idempotent; an interrupt does not stop it.
   */
  @Override
  public void close() {
    List<M> all = new ArrayList<>();
    lock.lock();
    try {
      closed = true;
      for (Shelf<M> shelf : shelves.values()) {
        shelf.ready.forEach(ready -> all.add(ready.machine));
        shelf.ready.clear();
      }
      all.addAll(ending);
      ending.clear();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    all.forEach(MachinePool::close);
    awaitEnd(filler);
    awaitEnd(improver);
  }

  /** A machine that is being made is soon made; one that never answers is given up. */
  private static void awaitEnd(Thread thread) {
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        if (!thread.join(LAST_WAIT)) {
          thread.interrupt();
          thread.join();
        }
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private interface Step {
    /** Blocks until it is done; false where the pool is closed. */
    boolean take() throws InterruptedException;
  }

  private void repeat(Step step) {
    try {
      boolean open = true;
      while (open) {
        try {
          open = step.take();
        } catch (RuntimeException | Error e) {
          // Without this thread there would be no machines any more, and nobody told of it.
          LOG.error("The pool goes on after a failure", e);
          pause();
        }
      }
    } catch (InterruptedException e) {
      LOG.debug("The pool is closed");
    }
  }

  private boolean makeNext() throws InterruptedException {
    Optional<S> next = shapeToMake();
    if (next.isPresent()) {
      make(next.get());
    }
    return next.isPresent();
  }

  private boolean improveNext() throws InterruptedException {
    Optional<Ready<M>> next = machineToImprove();
    if (next.isPresent()) {
      improve(next.get());
    }
    return next.isPresent();
  }

  private void pause() throws InterruptedException {
    lock.lockInterruptibly();
    try {
      long remaining = FIRST_BREAK;
      while (!closed && remaining > 0) {
        remaining = changed.awaitNanos(remaining);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Blocks until one is to be made, and ends what was given up; empty when the pool is closed. */
  private Optional<S> shapeToMake() throws InterruptedException {
    while (true) {
      Optional<M> given;
      lock.lockInterruptibly();
      try {
        if (closed) {
          return Optional.empty();
        }
        long now = clock.getAsLong();
        lookThrough(now);
        given = Optional.ofNullable(ending.pollFirst());
        if (given.isEmpty()) {
          Optional<S> wanted = wanted(now);
          if (wanted.isPresent() && mayWork(now)) {
            return wanted;
          }
          due = due && (wanted.isPresent() || improvable(now).isPresent());
          changed.awaitNanos(wanted.isPresent() ? MOMENT : LOOK);
        }
      } finally {
        lock.unlock();
      }
      given.ifPresent(MachinePool::close);
    }
  }

  /** Blocks until one is to be improved; empty when the pool is closed. */
  private Optional<Ready<M>> machineToImprove() throws InterruptedException {
    lock.lockInterruptibly();
    try {
      while (!closed) {
        long now = clock.getAsLong();
        Optional<Ready<M>> next = improvable(now);
        if (next.isPresent() && mayWork(now)) {
          next.get().begun = true;
          return next;
        }
        changed.awaitNanos(next.isPresent() ? MOMENT : LOOK);
      }
      return Optional.empty();
    } finally {
      lock.unlock();
    }
  }

  /** Others come first, but not for ever: making a machine takes little from them. */
  private boolean mayWork(long now) {
    if (!due) {
      due = true;
      dueSince = now;
    }
    if (room.isAwaited()) {
      crowdedAt = now;
    }
    long waits = Math.min(now - dueSince, now - crowdedAt);
    return waits >= PATIENCE
        || now - dueSince >= PATIENCE_IN_A_CROWD
        || (now - lullUntil >= 0 && !room.isBusy());
  }

  /** Of which shape one is to be made, if there is room for it. */
  private Optional<S> wanted(long now) {
    return missing(now).filter(shape -> hasRoom(now));
  }

  private Optional<Ready<M>> improvable(long now) {
    if (missing(now).isPresent()) {
      return Optional.empty();
    }
    return shelves.values().stream()
        .flatMap(shelf -> shelf.ready.stream())
        .filter(ready -> !ready.begun)
        .findFirst()
        .filter(ready -> hasRoom(now));
  }

  /** Asked last: it reads what the kernel says, and whoever takes a machine has it asked. */
  private boolean hasRoom(long now) {
    return now - scarceUntil >= 0 && room.forOneToWait();
  }

  private Optional<S> missing(long now) {
    return shelves.entrySet().stream()
        .filter(entry -> entry.getValue().wants(now))
        .min(Comparator.comparingLong(entry -> entry.getValue().turn))
        .map(Map.Entry::getKey);
  }

  /**
   * Gives up what ended, waited too long or is too much; where memory is short, one after the
   * other.
   */
  private void lookThrough(long now) {
    boolean scarce = !room.forOneMore();
    for (Shelf<M> shelf : shelves.values()) {
      int target = shelf.target(now);
      List<Ready<M>> unusable =
          shelf.ready.stream().filter(ready -> !isUsable(ready, now)).toList();
      shelf.ready.removeAll(unusable);
      unusable.forEach(this::giveUp);
      while (shelf.ready.size() > target) {
        giveUp(shelf.leastReady());
      }
      if (scarce && ending.isEmpty() && !shelf.ready.isEmpty()) {
        giveUp(shelf.leastReady());
        scarceUntil = now + SCARCITY;
      }
    }
  }

  private void make(S shape) throws InterruptedException {
    Shelf<M> shelf = Objects.requireNonNull(shelves.get(shape));
    M machine;
    try {
      machine = maker.make(shape);
    } catch (IOException | RuntimeException | Error e) {
      failed(shelf, e);
      return;
    }
    boolean late;
    lock.lock();
    try {
      late = closed;
      if (!late) {
        shelf.turn = ++turns;
        shelf.put(machine, clock.getAsLong());
      }
      workDone();
    } finally {
      lock.unlock();
    }
    if (late) {
      close(machine);
    }
  }

  private void improve(Ready<M> ready) throws InterruptedException {
    try {
      maker.improve(ready.machine);
    } catch (Error e) {
      LOG.warn("A machine that waits waits as it is", e);
    } catch (IOException | RuntimeException e) {
      // It may have been taken, or have ended: then it is no longer here.
      LOG.debug("A machine that waits waits as it is", e);
    }
    lock.lock();
    try {
      ready.improved = true;
      workDone();
    } finally {
      lock.unlock();
    }
  }

  /** Under the lock: whoever takes a machine from now on is the first to be considered. */
  private void workDone() {
    long now = clock.getAsLong();
    due = due && (wanted(now).isPresent() || improvable(now).isPresent());
    changed.signalAll();
  }

  private void failed(Shelf<M> shelf, Throwable why) {
    lock.lock();
    try {
      if (closed) {
        return;
      }
      shelf.turn = ++turns;
      if (shelf.failed(clock.getAsLong())) {
        LOG.warn("No machine can be kept ready: {}. It is tried again.", why.toString());
      }
      workDone();
    } finally {
      lock.unlock();
    }
  }

  private static void close(Waiting machine) {
    try {
      machine.close();
    } catch (RuntimeException | Error e) {
      LOG.warn("A machine that waited could not be ended", e);
    }
  }
}
