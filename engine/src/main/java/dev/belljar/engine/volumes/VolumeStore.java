package dev.belljar.engine.volumes;

import dev.belljar.ByteSize;
import dev.belljar.InvalidOptionException;
import dev.belljar.Page;
import dev.belljar.PageRequest;
import dev.belljar.Snapshot;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.Volume;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.volumes.Catalog.Disk;
import dev.belljar.engine.volumes.Catalog.Layer;
import dev.belljar.engine.volumes.Leases.Lease;
import dev.belljar.spi.StorageLimits;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The volumes and snapshots in one directory of this host, of all owners. Several processes may use
 * it at once: every change is made under a lock, and is one new catalog. What no catalog refers to
 * is removed.
 */
public final class VolumeStore implements AutoCloseable {
  private final StoreDirectory store;
  private final Snapshotting snapshotting;

  private VolumeStore(StoreDirectory store) {
    this.store = store;
    snapshotting = new Snapshotting(store);
  }

  /** Opens a store, made if it is not there, and removes what nothing refers to. */
  public static VolumeStore open(Path directory, DiskTools tools, InstantSource clock)
      throws IOException {
    return open(directory, tools, clock, Optional.empty());
  }

  /**
   * As {@link #open(Path, DiskTools, InstantSource)}.
   *
   * @param grace how long deleted volumes are kept from now on; empty for as long as before, which
   *     is 24 hours at first
   */
  public static VolumeStore open(
      Path directory, DiskTools tools, InstantSource clock, Optional<Duration> grace)
      throws IOException {
    return new VolumeStore(StoreDirectory.open(directory, tools, clock, grace));
  }

  /** From now on, an owner may have no more than that in this process. */
  public void limit(String owner, StorageLimits limits) {
    store.quotas.limit(owner, limits);
  }

  // Volumes.

  /**
   * Makes a volume.
   *
   * @param image the image that a bootable one lies above where it is not made from a snapshot
   */
  public Volume create(String owner, VolumeOptions options, BootImage image) {
    long capacity = options.capacity().bytes();
    Checks.checkCapacity(options.capacity());
    return store.locked(
        () -> {
          Catalog catalog = store.file.read();
          Checks.checkFree(catalog, owner, options.slug());
          store.quotas.check(catalog, owner, capacity);
          Checks.checkRoom(store);
          Optional<String> from = options.from();
          boolean builtin = from.isPresent() && from.get().equals(VolumeOptions.BUILTIN);
          Optional<Disk> origin =
              builtin ? Optional.empty() : from.map(name -> originOf(catalog, owner, name));
          origin.ifPresent(snapshot -> checkNotLess(capacity, snapshot));
          Layer layer = store.newLayer(origin.map(Disk::top));
          Disk volume =
              new Disk(
                  store.newId("vol"),
                  owner,
                  options.slug(),
                  options.region().orElse(StoreDirectory.region()),
                  capacity,
                  store.clock.instant(),
                  layer.id(),
                  builtin ? Optional.of(image.hash()) : origin.flatMap(Disk::image),
                  origin.map(Disk::id),
                  origin.map(Disk::slug),
                  Optional.empty());
          store.layers.makeDirectory(layer);
          if (origin.isPresent()) {
            Checks.checkDepth(catalog, origin.get());
            store.tools.createEmpty(store.layers.fileOf(layer), volume.bytes());
          } else {
            store.tools.createFileSystem(store.layers.fileOf(layer), volume.bytes(), builtin);
          }
          store.layers.force(layer);
          if (builtin) {
            store.images.keep(image);
          }
          FaultPoint.LAYER_MADE.reached();
          Catalog made = catalog.with(layer).withVolume(volume);
          store.file.write(made);
          return store.described(made).volume(volume);
        });
  }

  private static Disk originOf(Catalog catalog, String owner, String name) {
    return catalog
        .snapshot(owner, name)
        .orElseThrow(
            () ->
                new StorageException(
                    Reason.NOT_FOUND,
                    "There is no snapshot '"
                        + name
                        + "' to make a volume from. 'belljar snapshots list' shows those there are; "
                        + VolumeOptions.BUILTIN
                        + " is the image."));
  }

  private static void checkNotLess(long capacity, Disk origin) {
    if (capacity < origin.capacity()) {
      throw new InvalidOptionException(
          "A capacity of %s is less than the %s of snapshot '%s'."
              .formatted(new ByteSize(capacity), new ByteSize(origin.capacity()), origin.slug()));
    }
  }

  /** The volume of that id or slug, deleted or not where it is an id. */
  public Optional<Volume> volume(String owner, String idOrSlug) {
    return store.locked(
        () -> {
          Catalog catalog = store.file.read();
          Optional<Disk> found =
              catalog
                  .volume(owner, idOrSlug)
                  .or(
                      () ->
                          catalog.volumes().stream()
                              .filter(disk -> disk.owner().equals(owner))
                              .filter(disk -> disk.id().equals(idOrSlug))
                              .findFirst());
          return found.isEmpty()
              ? Optional.empty()
              : Optional.of(store.described(catalog).volume(found.get()));
        });
  }

  /** A part of the list of an owner's volumes. */
  public Page<Volume> volumes(String owner, PageRequest request) {
    return store.locked(
        () -> {
          Catalog catalog = store.file.read();
          Descriptions described = store.described(catalog);
          return page(catalog.volumes(), owner, request, described::volume);
        });
  }

  private interface Description<T> {
    T of(Disk disk) throws IOException;
  }

  private static <T> Page<T> page(
      List<Disk> disks, String owner, PageRequest request, Description<T> description)
      throws IOException {
    List<Disk> matching =
        disks.stream()
            .filter(disk -> disk.isThere() && disk.owner().equals(owner))
            .filter(disk -> request.search().map(disk.slug()::contains).orElse(true))
            .toList();
    int from = 0;
    if (request.cursor().isPresent()) {
      // One that was deleted since then leaves the place where it was.
      String last = request.cursor().get();
      Optional<Disk> known = disks.stream().filter(disk -> disk.id().equals(last)).findFirst();
      if (known.filter(disk -> disk.owner().equals(owner)).isEmpty()) {
        throw new InvalidOptionException("There is nothing to go on with behind '" + last + "'.");
      }
      int place = disks.indexOf(known.get());
      while (from < matching.size() && disks.indexOf(matching.get(from)) <= place) {
        from++;
      }
    }
    int to = Math.min(from + request.limit(), matching.size());
    List<T> items = new ArrayList<>();
    for (Disk disk : matching.subList(from, to)) {
      items.add(description.of(disk));
    }
    return new Page<>(
        items, to < matching.size() ? Optional.of(matching.get(to - 1).id()) : Optional.empty());
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
    return store.locked(
        () -> {
          Catalog catalog = store.file.read();
          Disk volume =
              catalog.volumes().stream()
                  .filter(disk -> !disk.isThere() && disk.isCalled(owner, idOrSlug))
                  .reduce(
                      (one, other) ->
                          one.deleted()
                                  .orElse(Instant.MIN)
                                  .isAfter(other.deleted().orElse(Instant.MIN))
                              ? one
                              : other)
                  .orElseThrow(
                      () ->
                          new StorageException(
                              Reason.NOT_FOUND,
                              "There is no deleted volume '"
                                  + idOrSlug
                                  + "': it was never there, or its time was over."));
          Checks.checkFree(catalog, owner, volume.slug());
          Disk restored = volume.deletedAt(Optional.empty());
          Catalog changed = catalog.withVolume(restored);
          store.file.write(changed);
          return store.described(changed).volume(restored);
        });
  }

  // Snapshots.

  /** Makes a snapshot of a volume, which a machine of this process may have. */
  public Snapshot snapshot(String owner, String idOrSlug, String slug) {
    return snapshotting.snapshot(owner, idOrSlug, slug);
  }

  /** The snapshot of that id or slug. */
  public Optional<Snapshot> snapshot(String owner, String idOrSlug) {
    return store.locked(
        () -> {
          Catalog catalog = store.file.read();
          Optional<Disk> found = catalog.snapshot(owner, idOrSlug);
          return found.isEmpty()
              ? Optional.empty()
              : Optional.of(store.described(catalog).snapshot(found.get()));
        });
  }

  /** A part of the list of an owner's snapshots. */
  public Page<Snapshot> snapshots(String owner, PageRequest request) {
    return store.locked(
        () -> {
          Catalog catalog = store.file.read();
          Descriptions described = store.described(catalog);
          return page(catalog.snapshots(), owner, request, described::snapshot);
        });
  }

  /** Deletes a snapshot; its layers stay for as long as something needs them. */
  public void deleteSnapshot(String owner, String idOrSlug) {
    store.locked(
        () -> {
          Catalog catalog = store.file.read();
          Disk snapshot =
              catalog
                  .snapshot(owner, idOrSlug)
                  .orElseThrow(() -> Checks.unknown("snapshot", idOrSlug));
          store.file.write(
              catalog.withSnapshot(snapshot.deletedAt(Optional.of(store.clock.instant()))));
          store.collect();
          return snapshot;
        });
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
    new VolumeExport(store).export(owner, idOrSlug, withImage, out);
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
   * Opens a volume to be mounted.
   *
   * @param holder the sandbox
   */
  public Opened openVolume(String owner, String idOrSlug, String holder) {
    return store.locked(
        () -> {
          Catalog catalog = store.file.read();
          if (catalog.snapshot(owner, idOrSlug).isPresent()) {
            throw new InvalidOptionException(
                "'%s' is a snapshot, which can be a root and cannot be mounted. Make a volume from it."
                    .formatted(idOrSlug));
          }
          return openVolume(catalog, Checks.existing(catalog, owner, idOrSlug), holder);
        });
  }

  /** Opens a volume or snapshot to boot from. */
  public Opened openRoot(String owner, String idOrSlug, String holder) {
    return store.locked(
        () -> {
          Catalog catalog = store.file.read();
          Optional<Disk> snapshot = catalog.snapshot(owner, idOrSlug);
          Disk disk = snapshot.orElseGet(() -> Checks.existing(catalog, owner, idOrSlug));
          if (disk.image().isEmpty()) {
            throw new StorageException(
                Reason.NOT_BOOTABLE,
                "'%s' cannot be a root: it was not made from %s or from a snapshot that is bootable."
                    .formatted(idOrSlug, VolumeOptions.BUILTIN));
          }
          return snapshot.isPresent()
              ? opened(catalog, disk, holder, false)
              : openVolume(catalog, disk, holder);
        });
  }

  private Opened openVolume(Catalog found, Disk volume, String holder) throws IOException {
    Checks.checkUnused(store, volume);
    Catalog catalog = store.settled(found, volume);
    store.layers.awaitFree(catalog.layer(volume.top()).orElseThrow());
    store.ends.check(store, found, catalog, volume);
    return opened(catalog, volume, holder, true);
  }

  private Opened opened(Catalog catalog, Disk disk, String holder, boolean writable)
      throws IOException {
    List<Layer> chain = catalog.chain(disk.top());
    Checks.checkWhole(catalog, disk, chain);
    long bytes = disk.bytes();
    for (Layer layer : chain) {
      store.layers.check(layer, bytes, layer.id().equals(disk.top()));
    }
    Path lease =
        store.leases.add(new Lease(disk.id(), holder, chain.stream().map(Layer::id).toList()));
    return new Opened(
        disk.id(),
        chain.stream().map(store.layers::fileOf).toList(),
        bytes,
        writable,
        disk.image(),
        () -> close(disk.id(), lease));
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
  }

  /** Makes an empty qcow2 file to lie above something. */
  public void createEmpty(Path disk, long bytes) throws IOException {
    store.tools.createEmpty(disk, bytes);
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
          store.collect();
          return store;
        });
  }

  /** Gives up what this process uses. */
  @Override
  public void close() throws IOException {
    store.close();
  }
}
