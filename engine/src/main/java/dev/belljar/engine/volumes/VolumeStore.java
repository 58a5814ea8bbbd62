package dev.belljar.engine.volumes;

import dev.belljar.Checkpoint;
import dev.belljar.InvalidOptionException;
import dev.belljar.Page;
import dev.belljar.PageRequest;
import dev.belljar.Snapshot;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.Volume;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.volumes.Catalog.Disk;
import dev.belljar.spi.StorageLimits;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;

/**
 * The volumes and snapshots in one directory of this host, of all owners. Several processes may use
 * it at once: every change is made under a lock, and is one new catalog. What no catalog refers to
 * is removed.
 */
public final class VolumeStore implements AutoCloseable {

  /** A process that only makes or deletes a snapshot has ended before. */
  private static final Duration MERGING_DELAY = Duration.ofSeconds(2);

  /** A checkpoint copies the memory of its machine before it stands still. */
  private static final Duration LONGEST_WAIT_FOR_HEAD = Duration.ofMinutes(1);

  private final StoreDirectory store;
  private final Creating creating;
  private final Opening opening;
  private final Snapshotting snapshotting;
  private final Checkpointing checkpointing;
  private final Merging merging;

  private VolumeStore(StoreDirectory store, LayerMerger merger, Duration delay) {
    this.store = store;
    creating = new Creating(store);
    opening = new Opening(store);
    // Snapshots and checkpoints of one volume, each of which gives it a new head.
    Turns heads = new Turns(1, LONGEST_WAIT_FOR_HEAD);
    snapshotting = new Snapshotting(store, opening, heads);
    checkpointing = new Checkpointing(store, heads);
    merging = new Merging(store, merger, delay);
  }

  /**
   * Opens a store, made if it is not there, and removes what nothing refers to. While it is open,
   * layers are merged in the background.
   *
   * @param grace how long deleted volumes are kept from now on; empty for as long as before, which
   *     is 24 hours at first
   */
  public static VolumeStore open(
      Path directory,
      DiskTools tools,
      LayerMerger merger,
      InstantSource clock,
      Optional<Duration> grace)
      throws IOException {
    return open(directory, tools, merger, clock, grace, MERGING_DELAY);
  }

  /** As above, with another delay before what there is to merge is merged. */
  static VolumeStore open(
      Path directory,
      DiskTools tools,
      LayerMerger merger,
      InstantSource clock,
      Optional<Duration> grace,
      Duration delay)
      throws IOException {
    VolumeStore store =
        new VolumeStore(StoreDirectory.open(directory, tools, clock, grace), merger, delay);
    store.merging.wake();
    return store;
  }

  /** From now on, an owner may have no more than that in this process. */
  public void limit(String owner, StorageLimits limits) {
    store.quotas.limit(owner, limits);
  }

  // Volumes.

  /**
   * Makes a volume. Blocks for as long as making its file system, or copying the image where it is
   * on another disk, takes; an owner that makes several waits for its turn, for at most a minute.
   *
   * @param image the image that a bootable one lies above where it is not made from a snapshot
   */
  public Volume create(String owner, VolumeOptions options, BootImage image) {
    return creating.create(owner, options, image);
  }

  /** The volume of that id or slug, deleted or not where it is an id. */
  public Optional<Volume> volume(String owner, String idOrSlug) {
    return store.look(
        owner,
        (catalog, described) -> {
          Optional<Disk> found =
              catalog
                  .volume(owner, idOrSlug)
                  .or(
                      () ->
                          catalog.volumes().stream()
                              .filter(disk -> disk.owner().equals(owner))
                              .filter(disk -> disk.id().equals(idOrSlug))
                              .findFirst());
          return found.isEmpty() ? Optional.empty() : Optional.of(described.volume(found.get()));
        });
  }

  /** A part of the list of an owner's volumes. */
  public Page<Volume> volumes(String owner, PageRequest request) {
    return store.look(
        owner,
        (catalog, described) -> Pages.of(catalog.volumes(), owner, request, described::volume));
  }

  /** Deletes a volume; it can be restored for a while. */
  public void deleteVolume(String owner, String idOrSlug) {
    store.locked(
        () -> {
          Catalog catalog = store.file.read();
          Disk volume = Checks.existing(catalog, owner, idOrSlug);
          Checks.checkUnused(store, volume);
          store.file.write(
              catalog.withVolume(volume.deletedAt(Optional.of(store.clock.instant()))));
          store.collect();
          return volume;
        });
  }

  /** Takes back a deletion. */
  public Volume restore(String owner, String idOrSlug) {
    Disk restored = store.locked(() -> restored(owner, idOrSlug));
    return store.look(owner, (catalog, described) -> described.volume(restored));
  }

  private Disk restored(String owner, String idOrSlug) throws IOException {
    Catalog catalog = store.file.read();
    Disk volume =
        catalog.volumes().stream()
            .filter(disk -> !disk.isThere() && disk.isCalled(owner, idOrSlug))
            .reduce(
                (one, other) ->
                    one.deleted().orElse(Instant.MIN).isAfter(other.deleted().orElse(Instant.MIN))
                        ? one
                        : other)
            .orElseThrow(
                () ->
                    new StorageException(
                        Reason.NOT_FOUND,
                        "There is no deleted volume '"
                            + idOrSlug
                            + "': it was never there, or its time was over."));
    Checks.checkRestorable(catalog, volume);
    Disk restored = volume.deletedAt(Optional.empty());
    store.file.write(catalog.withVolume(restored));
    return restored;
  }

  // Snapshots.

  /**
   * Makes a snapshot of a volume, which a machine of this process may have. Where the volume can
   * have no other layer, some are merged first, which takes as long as copying them does. Where
   * another snapshot or a checkpoint is being made of it, waits for that, for at most a minute.
   */
  public Snapshot snapshot(String owner, String idOrSlug, String slug) {
    merging.makeRoom(owner, idOrSlug);
    Snapshot made = snapshotting.snapshot(owner, idOrSlug, slug);
    merging.wake();
    return made;
  }

  /** The snapshot of that id or slug. */
  public Optional<Snapshot> snapshot(String owner, String idOrSlug) {
    return store.look(
        owner,
        (catalog, described) -> {
          Optional<Disk> found = catalog.snapshot(owner, idOrSlug);
          return found.isEmpty() ? Optional.empty() : Optional.of(described.snapshot(found.get()));
        });
  }

  /** A part of the list of an owner's snapshots. */
  public Page<Snapshot> snapshots(String owner, PageRequest request) {
    return store.look(
        owner,
        (catalog, described) -> Pages.of(catalog.snapshots(), owner, request, described::snapshot));
  }

  /** Deletes a snapshot; its layers stay for as long as something needs them. */
  public void deleteSnapshot(String owner, String idOrSlug) {
    store.locked(
        () -> {
          Catalog catalog = store.file.read();
          Disk snapshot = Checks.existingSnapshot(catalog, owner, idOrSlug);
          store.file.write(
              catalog.withSnapshot(snapshot.deletedAt(Optional.of(store.clock.instant()))));
          store.collect();
          return snapshot;
        });
    merging.wake();
  }

  // Checkpoints.

  /**
   * Begins to make a checkpoint; what it needs is kept until the draft is closed. Where a snapshot
   * is being made of one of its volumes, waits for that, for at most a minute; snapshots of them
   * wait until the draft is committed or closed.
   */
  public CheckpointDraft beginCheckpoint(CheckpointDraft.Request request) {
    return checkpointing.begin(request);
  }

  /** Opens a checkpoint to be restored; it is there until that is closed. */
  public OpenedCheckpoint openCheckpoint(String owner, String idOrSlug, String holder) {
    return checkpointing.open(owner, idOrSlug, holder);
  }

  /** The checkpoint of that id or slug. */
  public Optional<Checkpoint> checkpoint(String owner, String idOrSlug) {
    return checkpointing.get(owner, idOrSlug);
  }

  /** A part of the list of an owner's checkpoints. */
  public Page<Checkpoint> checkpoints(String owner, PageRequest request) {
    return checkpointing.list(owner, request);
  }

  /** Deletes a checkpoint; its files stay for as long as a sandbox runs from it. */
  public void deleteCheckpoint(String owner, String idOrSlug) {
    checkpointing.delete(owner, idOrSlug);
  }

  // To other hosts.

  /**
   * Writes a volume or snapshot as one file.
   *
   * @param withImage whether the image goes along where it is bootable
   * @throws IOException where the stream takes nothing more
   */
  public void exportTo(String owner, String idOrSlug, boolean withImage, OutputStream out)
      throws IOException {
    new VolumeExport(store, opening).export(owner, idOrSlug, withImage, out);
  }

  /**
   * Makes a volume of such a file, whoever wrote it.
   *
   * @param slug empty for the name that it had
   * @param image that of this host
   * @throws IOException where the stream cannot be read
   */
  public Volume importFrom(String owner, Optional<String> slug, BootImage image, InputStream in)
      throws IOException {
    slug.ifPresent(VolumeOptions::checkSlug);
    return new VolumeImport(store).importFrom(owner, slug, image, in);
  }

  // Use by machines.

  /**
   * A disk that a machine may open, until it is closed.
   *
   * @param layers its files, the uppermost first; only that of a volume is written to
   * @param bytes its size
   * @param writable whether the uppermost layer is the volume's own: otherwise it is a snapshot,
   *     and needs another layer above
   * @param image the image that it lies above, where it is bootable
   * @param lease what gives it back
   */
  public record Opened(
      String id,
      List<Path> layers,
      long bytes,
      boolean writable,
      Optional<String> image,
      Runnable lease)
      implements AutoCloseable {

    /** Gives it back; no machine may have it open. */
    @Override
    public void close() {
      lease.run();
    }
  }

  /**
   * Opens a volume to be mounted. May take a while where the machine that had it was killed: what
   * it wrote is looked at first.
   *
   * @param holder the sandbox
   */
  public Opened openVolume(String owner, String idOrSlug, String holder) {
    return opened(
        catalog -> {
          if (catalog.snapshot(owner, idOrSlug).isPresent()) {
            throw new InvalidOptionException(
                "'%s' is a snapshot, which can be a root and cannot be mounted. Make a volume from it."
                    .formatted(idOrSlug));
          }
          Disk volume = Checks.existing(catalog, owner, idOrSlug);
          Checks.checkUnused(store, volume);
          return new Opening.Wanted(volume, true);
        },
        holder);
  }

  /** Opens a volume or snapshot to boot from, as {@link #openVolume} does. */
  public Opened openRoot(String owner, String idOrSlug, String holder) {
    if (idOrSlug.equals(VolumeOptions.BUILTIN)) {
      throw new InvalidOptionException(
          "'%s' is the image, which every sandbox boots from that names no root. To keep what is written, make a volume from it ('belljar volumes create NAME --capacity 4GB --from %s') and name that."
              .formatted(idOrSlug, idOrSlug));
    }
    return opened(
        catalog -> {
          Optional<Disk> snapshot = catalog.snapshot(owner, idOrSlug);
          Disk disk = snapshot.orElseGet(() -> Checks.existing(catalog, owner, idOrSlug));
          if (disk.image().isEmpty()) {
            throw new StorageException(
                Reason.NOT_BOOTABLE,
                "'%s' cannot be a root: it was not made from %s or from a snapshot that is bootable."
                    .formatted(idOrSlug, VolumeOptions.BUILTIN));
          }
          if (snapshot.isEmpty()) {
            Checks.checkUnused(store, disk);
          }
          return new Opening.Wanted(disk, snapshot.isEmpty());
        },
        holder);
  }

  private Opened opened(Opening.Finding finding, String holder) {
    Opening.Open open = opening.open(finding, holder, List.of());
    Disk disk = open.disk();
    return new Opened(
        disk.id(),
        open.files(store.layers),
        disk.bytes(),
        open.writable(),
        disk.image(),
        () -> close(disk.id(), open.lease()));
  }

  private void close(String disk, Path lease) {
    snapshotting.ended(disk);
    store.locked(
        () -> {
          store.leases.release(lease);
          Catalog catalog = store.file.read();
          Optional<Disk> volume =
              catalog.volumes().stream().filter(other -> other.id().equals(disk)).findFirst();
          if (volume.isPresent()) {
            store.settled(catalog, volume.get());
          }
          store.collect();
          return disk;
        });
    merging.wake();
  }

  /** Makes an empty qcow2 file to lie above something. */
  public void createEmpty(Path disk, long bytes) throws IOException {
    store.empties.create(disk, bytes);
  }

  /** What users are told of that failure, where it is one of a disk without room. */
  public static Optional<StorageException> fullDisk(IOException failure) {
    return StoreDirectory.fullDisk(failure);
  }

  /** Copies a file with its holes; shares its blocks where the file system can. */
  public void copySparse(Path file, Path copy) throws IOException {
    DiskTools.copySparse(file, copy);
  }

  /** Takes a file back from whoever a machine runs as; every machine may read it from now on. */
  public void freeze(Path file) throws IOException {
    LayerFiles.freeze(file);
  }

  /** The machine that had a volume ended at any instant: it is looked at before another has it. */
  public void endedUncleanly(String volume) {
    store.locked(
        () -> {
          store.ends.note(store.file.read(), volume);
          return volume;
        });
  }

  /** From now on, snapshots of that volume are made through its machine. */
  public void runs(String volume, RunningDisk machine) {
    snapshotting.runs(volume, machine);
  }

  /** Where the root of an image is kept for what lies above it. */
  public Path imageDirectory(String hash) {
    return store.images.directoryOf(hash);
  }

  // Clearing away.

  /** Removes what nothing refers to any more. */
  public void collect() {
    store.locked(
        () -> {
          store.collectAll();
          return store;
        });
  }

  /** Merges layers until none are left to merge. */
  void merge() throws InterruptedException {
    merging.mergeAll();
  }

  /** Gives up what this process uses, and cuts off a merge that is under way. */
  @Override
  public void close() throws IOException {
    merging.close();
    store.close();
  }
}
