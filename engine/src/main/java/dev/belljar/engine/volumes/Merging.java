package dev.belljar.engine.volumes;

import dev.belljar.BelljarException;
import dev.belljar.StorageException;
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
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;
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

  /** Of this process: sandboxes need the disk as well. */
  private static final ReentrantLock ONE_AT_A_TIME = new ReentrantLock(true);

  private static final String HOLDER = "a merge";

  /** After which one that failed is tried again. */
  private static final Duration PAUSE = Duration.ofMinutes(10);

  private static final Duration LONGEST_END = Duration.ofSeconds(5);

  private final StoreDirectory store;
  private final LayerMerger merger;
  private final Duration delay;
  private final CountDownLatch closing = new CountDownLatch(1);

  /** Layers that are not replaced, until when; under {@link #ONE_AT_A_TIME}. */
  private final Map<String, Instant> failed = new HashMap<>();

  private boolean wanted;
  private boolean busy;
  private @Nullable Thread worker;
  private @Nullable Thread copying;

  /**
   * In that store.
   *
   * @param delay how long what there is to merge waits for the background
   */
  Merging(StoreDirectory store, LayerMerger merger, Duration delay) {
    this.store = store;
    this.merger = merger;
    this.delay = delay;
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
      outcome = mergeOne(disk -> true, true);
    }
  }

  /**
   * Shortens the chain of a volume that could not get another layer. Blocks for as long as copying
   * takes; where it cannot be done, the chain stays as it is.
   */
  void makeRoom(String owner, String idOrSlug) {
    try {
      Optional<String> volume = atTheBound(owner, idOrSlug);
      while (volume.isPresent() && mergeOne(new Only(volume.get()), false) == Outcome.DONE) {
        volume = atTheBound(owner, idOrSlug);
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

  private Optional<String> atTheBound(String owner, String idOrSlug) {
    return store.locked(
        () -> {
          Catalog catalog = store.file.read();
          return catalog
              .volume(owner, idOrSlug)
              .filter(volume -> Checks.isAtTheBound(catalog, volume))
              .map(Disk::id);
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
    ONE_AT_A_TIME.lockInterruptibly();
    try {
      if (!begin()) {
        return Outcome.NOTHING;
      }
      try {
        Optional<Prepared> prepared = store.locked(() -> prepare(disks, yields));
        return prepared.isEmpty() ? Outcome.NOTHING : merge(prepared.get());
      } finally {
        end();
      }
    } finally {
      ONE_AT_A_TIME.unlock();
    }
  }

  private synchronized boolean begin() {
    busy = !isClosing();
    return busy;
  }

  private synchronized void end() {
    busy = false;
    notifyAll();
  }

  /**
   * A merge whose new layer is there, and empty.
   *
   * @param bytes how large it is, as the guest sees it
   * @param lease keeps it until the catalog does, and what is copied
   */
  private record Prepared(Merge merge, Layer made, long bytes, Path lease) {}

  private Optional<Prepared> prepare(Predicate<Disk> disks, boolean yields) throws IOException {
    Catalog catalog = store.file.read();
    List<Lease> leases = store.leases.all();
    Map<String, Long> sizes =
        LayerFiles.allocated(catalog.layers().stream().map(store.layers::fileOf).toList());
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
    for (Optional<Merge> next = plan.next(disks, spared);
        next.isPresent();
        next = plan.next(disks, spared)) {
      Merge merge = next.get();
      try {
        return Optional.of(prepare(merge, sizes));
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
    try {
      store.layers.makeDirectory(made);
      store.empties.create(store.layers.fileOf(made), bytes);
      store.layers.force(made);
    } catch (IOException | RuntimeException e) {
      store.leases.release(lease);
      throw e;
    }
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
      store.locked(
          () -> {
            store.leases.release(prepared.lease());
            store.collect();
            return prepared;
          });
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
    List<Path> files = new ArrayList<>(List.of(store.layers.fileOf(prepared.made())));
    merge.chain().forEach(layer -> files.add(store.layers.fileOf(layer)));
    setCopying(Thread.currentThread());
    try {
      merger.merge(files, merge.chain().size() - merge.copied(), prepared.bytes());
    } finally {
      setCopying(null);
    }
    store.layers.check(prepared.made(), prepared.bytes(), true);
    store.layers.force(prepared.made());
    store.layers.freeze(prepared.made());
    FaultPoint.MERGED.reached();
  }

  private synchronized void setCopying(@Nullable Thread thread) throws InterruptedIOException {
    if (thread != null && isClosing()) {
      throw new InterruptedIOException("The storage is being closed.");
    }
    copying = thread;
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
    if (copying != null) {
      copying.interrupt();
    }
    long deadline = System.nanoTime() + LONGEST_END.toNanos();
    try {
      while (busy && System.nanoTime() < deadline) {
        TimeUnit.NANOSECONDS.timedWait(this, deadline - System.nanoTime());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
