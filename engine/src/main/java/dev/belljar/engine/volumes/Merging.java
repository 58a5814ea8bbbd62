package dev.belljar.engine.volumes;

import dev.belljar.BelljarException;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.engine.volumes.Catalog.Disk;
import dev.belljar.engine.volumes.Catalog.Layer;
import dev.belljar.engine.volumes.Leases.Lease;
import dev.belljar.engine.volumes.MergePlan.Merge;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps chains of layers short. A merge makes a new layer that holds what several do, and puts it
 * in their place in the catalog; they are removed when nobody has them open any more. Nothing that
 * a machine may write to is merged.
 */
final class Merging implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Merging.class);

  /** In the background of this process: sandboxes need the disk as well. */
  private static final ReentrantLock ONE_AT_A_TIME = new ReentrantLock(true);

  /** How long somebody waits for another merge of what is to be merged. */
  private static final Duration LONGEST_WAIT = Duration.ofMinutes(1);

  private static final long LOOK_MILLIS = 100;

  private static final String HOLDER = "a merge";

  /** After which one that failed is tried again. */
  private static final Duration PAUSE = Duration.ofMinutes(10);

  private static final Duration LONGEST_END = Duration.ofSeconds(5);

  private final StoreDirectory store;
  private final LayerMerger merger;
  private final Duration delay;
  private final Duration longestWait;
  private final CountDownLatch closing = new CountDownLatch(1);

  /** Layers that are not replaced, until when. */
  private final Map<String, Instant> failed = new ConcurrentHashMap<>();

  /** The number of the last merge of each owner; under the store's lock. */
  private final Map<String, Long> served = new HashMap<>();

  private long merges;

  /** What somebody waits for does not wait for others. */
  private final Turns foreground;

  private final Set<Thread> copying = new HashSet<>();
  private boolean wanted;
  private int busy;
  private @Nullable Thread worker;

  /**
   * In that store.
   *
   * @param delay how long what there is to merge waits for the background
   */
  Merging(StoreDirectory store, LayerMerger merger, Duration delay) {
    this(store, merger, delay, LONGEST_WAIT);
  }

  /** As above, with another time that somebody waits for a merge of what is to be merged. */
  Merging(StoreDirectory store, LayerMerger merger, Duration delay, Duration longestWait) {
    this.store = store;
    this.merger = merger;
    this.delay = delay;
    this.longestWait = longestWait;
    foreground = new Turns(1, longestWait);
  }

  /** Has a thread merge what there is to merge, in a while. */
  synchronized void wake() {
    if (isClosing()) {
      return;
    }
    wanted = true;
    if (worker == null) {
      worker = Thread.ofVirtual().name("belljar-merging").start(this::work);
    }
  }

  private void work() {
    try {
      while (!closing.await(delay.toMillis(), TimeUnit.MILLISECONDS) && isWanted()) {
        if (mayHaveWork()) {
          mergeAll();
        }
      }
    } catch (InterruptedException e) {
      LOG.debug("Merging was interrupted");
    } catch (RuntimeException e) {
      LOG.warn("Layers are not merged: {}. The next snapshot tries again.", e.getMessage());
    }
    stopped();
  }

  /** Without the lock, which everybody else would wait for, also where nothing is to be done. */
  private boolean mayHaveWork() {
    try {
      return MergePlan.mayHaveWork(store.file.read());
    } catch (IOException e) {
      LOG.debug("The catalog cannot be read", e);
      return false;
    }
  }

  /** Whether there is something to look at; the thread is over where there is not. */
  private synchronized boolean isWanted() {
    boolean was = wanted;
    wanted = false;
    if (!was) {
      worker = null;
    }
    return was;
  }

  private synchronized void stopped() {
    if (worker == Thread.currentThread()) {
      worker = null;
    }
  }

  /** Merges until nothing is left to merge. */
  void mergeAll() throws InterruptedException {
    Outcome outcome = Outcome.DONE;
    while (outcome != Outcome.NOTHING) {
      ONE_AT_A_TIME.lockInterruptibly();
      try {
        outcome = mergeOne(disk -> true, true);
      } finally {
        ONE_AT_A_TIME.unlock();
      }
    }
  }

  /**
   * Shortens the chain of a volume that could not get another layer. Blocks for as long as copying
   * takes, beside what is merged in the background; where it cannot be done, the chain stays as it
   * is.
   *
   * @throws StorageException where somebody else merges these layers, or others of this owner, for
   *     longer than a minute
   */
  void makeRoom(String owner, String idOrSlug) {
    Optional<Full> volume = atTheBound(owner, idOrSlug);
    if (volume.isEmpty()) {
      return;
    }
    String busy = "Layers of volume '%s' are being merged, so it can have no snapshot yet";
    try (Turns.Turn turn = foreground.take(owner, busy.formatted(idOrSlug))) {
      long deadline = System.nanoTime() + longestWait.toNanos();
      for (; volume.isPresent(); volume = atTheBound(owner, idOrSlug)) {
        if (volume.get().isMerged) {
          if (System.nanoTime() > deadline) {
            throw new StorageException(
                Reason.BUSY, busy.formatted(idOrSlug) + ". Try again when that is done.");
          }
          if (closing.await(LOOK_MILLIS, TimeUnit.MILLISECONDS)) {
            return;
          }
        } else if (mergeOne(new Only(volume.get().id), false) != Outcome.DONE) {
          return;
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BelljarException("Interrupted while layers were merged for a snapshot.", e);
    }
  }

  private record Only(String id) implements Predicate<Disk> {
    @Override
    public boolean test(Disk disk) {
      return disk.id().equals(id);
    }
  }

  /**
   * A volume that can have no other layer.
   *
   * @param isMerged whether somebody is at it
   */
  private record Full(String id, boolean isMerged) {}

  private Optional<Full> atTheBound(String owner, String idOrSlug) {
    return store.locked(
        () -> {
          Catalog catalog = store.file.read();
          Optional<Disk> volume =
              catalog.volume(owner, idOrSlug).filter(disk -> Checks.isAtTheBound(catalog, disk));
          if (volume.isEmpty()) {
            return Optional.empty();
          }
          Set<String> chain =
              catalog.chain(volume.get().top()).stream().map(Layer::id).collect(Collectors.toSet());
          boolean isMerged =
              store.leases.all().stream()
                  .anyMatch(lease -> lease.holder().equals(HOLDER) && chain.contains(lease.disk()));
          return Optional.of(new Full(volume.get().id(), isMerged));
        });
  }

  /** How a merge went. */
  private enum Outcome {
    DONE,
    FAILED,
    NOTHING
  }

  /**
   * One merge.
   *
   * @param disks whose chains are looked at
   * @param yields whether what another process is at, and what failed a while ago, is left alone
   */
  private Outcome mergeOne(Predicate<Disk> disks, boolean yields) throws InterruptedException {
    if (!begin()) {
      return Outcome.NOTHING;
    }
    try {
      Map<String, Long> sizes = store.withoutLock(this::sizes);
      Optional<Prepared> prepared = store.locked(() -> prepare(disks, yields, sizes));
      return prepared.isEmpty() ? Outcome.NOTHING : merge(prepared.get());
    } finally {
      end();
    }
  }

  private Map<String, Long> sizes() throws IOException {
    return LayerFiles.allocated(
        store.file.read().layers().stream().map(store.layers::fileOf).toList());
  }

  private synchronized boolean begin() {
    if (isClosing()) {
      return false;
    }
    busy++;
    return true;
  }

  private synchronized void end() {
    busy--;
    notifyAll();
  }

  /**
   * A merge whose new layer is to be made.
   *
   * @param bytes how large it is, as the guest sees it
   * @param lease keeps it until the catalog does, and what is copied
   */
  private record Prepared(Merge merge, Layer made, long bytes, Path lease) {}

  private Optional<Prepared> prepare(Predicate<Disk> disks, boolean yields, Map<String, Long> sizes)
      throws IOException {
    Catalog catalog = store.file.read();
    List<Lease> leases = store.leases.all();
    MergePlan plan =
        new MergePlan(catalog, leases, layer -> sizes.getOrDefault(LayerFiles.nameOf(layer), 0L));
    Instant now = store.clock.instant();
    failed.values().removeIf(now::isAfter);
    Set<String> spared = new HashSet<>();
    if (yields) {
      spared.addAll(failed.keySet());
      leases.stream()
          .filter(lease -> lease.holder().equals(HOLDER))
          .forEach(lease -> spared.add(lease.disk()));
    }
    ToLongFunction<String> turn = owner -> served.getOrDefault(owner, 0L);
    for (Optional<Merge> next = plan.next(disks, spared, turn);
        next.isPresent();
        next = plan.next(disks, spared, turn)) {
      Merge merge = next.get();
      try {
        Prepared prepared = prepare(merge, sizes);
        served.put(merge.owner(), ++merges);
        return Optional.of(prepared);
      } catch (StorageException e) {
        LOG.warn("Layers are not merged: {}", e.getMessage());
        noteFailed(merge);
        merge.toCopy().forEach(layer -> spared.add(layer.id()));
      }
    }
    return Optional.empty();
  }

  private Prepared prepare(Merge merge, Map<String, Long> sizes) throws IOException {
    for (Layer layer : merge.chain()) {
      store.layers.check(layer, merge.most(), false);
    }
    Checks.checkRoom(
        store,
        merge.toCopy().stream()
            .mapToLong(layer -> sizes.getOrDefault(LayerFiles.nameOf(layer), 0L))
            .sum());
    long bytes = store.layers.size(merge.replaced());
    Layer made = store.newLayer(merge.parent());
    List<String> open = new ArrayList<>(List.of(made.id()));
    merge.chain().forEach(layer -> open.add(layer.id()));
    Path lease = store.leases.add(new Lease(merge.replaced().id(), HOLDER, open));
    return new Prepared(merge, made, bytes, lease);
  }

  private Outcome merge(Prepared prepared) throws InterruptedException {
    boolean interrupted = false;
    Outcome outcome = Outcome.DONE;
    long began = System.nanoTime();
    try {
      copy(prepared);
      boolean committed = store.locked(() -> commit(prepared));
      LOG.debug(
          "{} layers {} after {} ms",
          prepared.merge().copied(),
          committed ? "merged" : "changed while they were merged, which is dropped",
          (System.nanoTime() - began) / 1_000_000);
    } catch (IOException | StorageException e) {
      outcome = Outcome.FAILED;
      // While that is set, the lock could not be taken.
      interrupted = Thread.interrupted();
      if (!isClosing() && !interrupted) {
        LOG.warn("Layers could not be merged: {}. It is tried again later.", e.toString());
        noteFailed(prepared.merge());
      }
    } finally {
      store.giveUp(prepared.lease());
    }
    if (interrupted) {
      throw new InterruptedException();
    }
    return outcome;
  }

  /** Any of those may be what it failed for. */
  private void noteFailed(Merge merge) {
    Instant end = store.clock.instant().plus(PAUSE);
    merge.toCopy().forEach(layer -> failed.put(layer.id(), end));
  }

  /** Without the lock: it takes as long as it takes. */
  private void copy(Prepared prepared) throws IOException {
    Merge merge = prepared.merge();
    store.layers.makeDirectory(prepared.made());
    store.empties.create(store.layers.fileOf(prepared.made()), prepared.bytes());
    store.layers.force(prepared.made());
    List<Path> files = new ArrayList<>(List.of(store.layers.fileOf(prepared.made())));
    merge.chain().forEach(layer -> files.add(store.layers.fileOf(layer)));
    copying();
    try {
      merger.merge(files, merge.chain().size() - merge.copied(), prepared.bytes());
    } finally {
      copied();
    }
    store.layers.check(prepared.made(), prepared.bytes(), true);
    store.layers.force(prepared.made());
    store.layers.freeze(prepared.made());
    FaultPoint.MERGED.reached();
  }

  private synchronized void copying() throws InterruptedIOException {
    if (isClosing()) {
      throw new InterruptedIOException("The storage is being closed.");
    }
    copying.add(Thread.currentThread());
  }

  private synchronized void copied() {
    copying.remove(Thread.currentThread());
  }

  /** Not once the storage is being closed: then the lease may be gone, and with it the file. */
  private boolean commit(Prepared prepared) throws IOException {
    if (isClosing() || !Files.exists(store.layers.fileOf(prepared.made()))) {
      return false;
    }
    Catalog catalog = store.file.read();
    List<Layer> wanted = prepared.merge().toCopy();
    List<Layer> there = catalog.chain(prepared.merge().replaced().id());
    if (there.size() < wanted.size() || !there.subList(0, wanted.size()).equals(wanted)) {
      return false;
    }
    store.file.write(catalog.withInPlaceOf(prepared.merge().replaced().id(), prepared.made()));
    FaultPoint.MERGE_COMMITTED.reached();
    return true;
  }

  private boolean isClosing() {
    return closing.getCount() == 0;
  }

  /** Cuts off what is under way, and waits at most 5 s until it has cleared up after itself. */
  @Override
  public synchronized void close() {
    closing.countDown();
    copying.forEach(Thread::interrupt);
    long deadline = System.nanoTime() + LONGEST_END.toNanos();
    try {
      while (busy > 0 && System.nanoTime() < deadline) {
        TimeUnit.NANOSECONDS.timedWait(this, deadline - System.nanoTime());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
