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
import dev.belljar.engine.storage.BuildLock;
import dev.belljar.engine.storage.Directories;
import dev.belljar.engine.volumes.Catalog.Disk;
import dev.belljar.engine.volumes.Catalog.Layer;
import dev.belljar.engine.volumes.Leases.Lease;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The volumes and snapshots in one directory of this host, of all owners. Several processes may use
 * it at once: every change is made under a lock, and is one new catalog. What no catalog refers to
 * is removed.
 */
public final class VolumeStore implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(VolumeStore.class);

  /** Deno's limits. */
  private static final ByteSize SMALLEST = ByteSize.parse("300MB");

  private static final ByteSize LARGEST = ByteSize.parse("20GiB");
  private static final Duration GRACE = Duration.ofHours(24);

  /** Of each owner; the catalog is read and written as a whole. */
  private static final int MOST_DISKS = 1000;

  /** Layers that one disk may have: each snapshot adds one. */
  private static final int MOST_LAYERS = 32;

  /** What making a layer may take, and what must be left for machines to write to. */
  private static final long ROOM = 64L << 20;

  private static final String REGION = "loc";
  private static final String ALPHABET = "0123456789abcdefghjkmnpqrstuvwxyz";
  private static final int ID_LENGTH = 20;

  private final Path directory;
  private final DiskTools tools;
  private final InstantSource clock;
  private final CatalogFile file;
  private final LayerFiles layers;
  private final KeptImages images;
  private final Leases leases;
  private final SecureRandom random = new SecureRandom();
  private final Map<String, RunningDisk> running = new ConcurrentHashMap<>();

  private VolumeStore(Path directory, DiskTools tools, InstantSource clock, Leases leases) {
    this.directory = directory;
    this.tools = tools;
    this.clock = clock;
    this.leases = leases;
    file = new CatalogFile(directory);
    layers = new LayerFiles(directory.resolve("layers"));
    images = new KeptImages(directory.resolve("images"));
  }

  /** Opens a store, made if it is not there, and removes what nothing refers to. */
  public static VolumeStore open(Path directory, DiskTools tools, InstantSource clock)
      throws IOException {
    Directories.makeOwnerOnly(directory);
    VolumeStore store;
    try (BuildLock lock = lock(directory)) {
      store = new VolumeStore(directory, tools, clock, Leases.open(directory.resolve("leases")));
      try {
        store.collectLocked();
      } catch (IOException | RuntimeException e) {
        store.leases.close();
        throw e;
      }
    }
    return store;
  }

  private static BuildLock lock(Path directory) throws IOException {
    return BuildLock.acquire(directory.resolve("lock"));
  }

  private interface Work<T> {
    T run() throws IOException;
  }

  /** One at a time, of all processes; failures become what users see. */
  private <T> T locked(Work<T> work) {
    try (BuildLock lock = lock(directory)) {
      return work.run();
    } catch (IOException e) {
      // Whoever asked may be elsewhere, and is not told what this host's disk looks like.
      LOG.warn("The storage in {} cannot be used", directory, e);
      boolean full = e.toString().contains("No space left") || e.toString().contains("quota");
      throw new StorageException(
          full ? Reason.FULL : Reason.DAMAGED,
          full
              ? "The host's disk is full. Make room there."
              : "The host's storage cannot be used; its log tells why.",
          e);
    }
  }

  // Volumes.

  /**
   * Makes a volume.
   *
   * @param image the image that a bootable one lies above where it is not made from a snapshot
   */
  public Volume create(String owner, VolumeOptions options, BootImage image) {
    long capacity = options.capacity().bytes();
    if (capacity < SMALLEST.bytes() || capacity > LARGEST.bytes()) {
      throw new InvalidOptionException(
          "A capacity of %s is out of bounds: %s to %s."
              .formatted(options.capacity(), SMALLEST, LARGEST));
    }
    return locked(
        () -> {
          Catalog catalog = file.read();
          checkFree(catalog, owner, options.slug());
          checkRoom();
          Optional<String> from = options.from();
          boolean builtin = from.isPresent() && from.get().equals(VolumeOptions.BUILTIN);
          Optional<Disk> origin =
              builtin ? Optional.empty() : from.map(name -> originOf(catalog, owner, name));
          origin.ifPresent(snapshot -> checkNotLess(capacity, snapshot));
          Layer layer = newLayer(origin.map(Disk::top));
          Disk volume =
              new Disk(
                  newId("vol"),
                  owner,
                  options.slug(),
                  options.region().orElse(REGION),
                  capacity,
                  clock.instant(),
                  layer.id(),
                  builtin ? Optional.of(image.hash()) : origin.flatMap(Disk::image),
                  origin.map(Disk::id),
                  origin.map(Disk::slug),
                  Optional.empty());
          layers.makeDirectory(layer);
          if (origin.isPresent()) {
            checkDepth(catalog, origin.get());
            tools.createEmpty(layers.fileOf(layer), volume.bytes());
          } else {
            tools.createFileSystem(layers.fileOf(layer), volume.bytes(), builtin);
          }
          layers.force(layer);
          if (builtin) {
            images.keep(image);
          }
          FaultPoint.LAYER_MADE.reached();
          Catalog made = catalog.with(layer).withVolume(volume);
          file.write(made);
          return described(made).volume(volume);
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
    return locked(
        () -> {
          Catalog catalog = file.read();
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
              : Optional.of(described(catalog).volume(found.get()));
        });
  }

  /** A part of the list of an owner's volumes. */
  public Page<Volume> volumes(String owner, PageRequest request) {
    return locked(
        () -> {
          Catalog catalog = file.read();
          Descriptions described = described(catalog);
          return page(catalog.volumes(), owner, request, described::volume);
        });
  }

  private Descriptions described(Catalog catalog) throws IOException {
    return new Descriptions(catalog, layers, images, leases.all());
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
    locked(
        () -> {
          Catalog catalog = file.read();
          Disk volume = existing(catalog, owner, idOrSlug);
          checkUnused(volume);
          file.write(catalog.withVolume(volume.deletedAt(Optional.of(clock.instant()))));
          collectLocked();
          return volume;
        });
  }

  /** Takes back a deletion. */
  public Volume restore(String owner, String idOrSlug) {
    return locked(
        () -> {
          Catalog catalog = file.read();
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
          checkFree(catalog, owner, volume.slug());
          Disk restored = volume.deletedAt(Optional.empty());
          Catalog changed = catalog.withVolume(restored);
          file.write(changed);
          return described(changed).volume(restored);
        });
  }

  // Snapshots.

  /** Makes a snapshot of a volume, which a machine of this process may have. */
  public Snapshot snapshot(String owner, String idOrSlug, String slug) {
    VolumeOptions.checkSlug(slug);
    Prepared prepared = locked(() -> prepare(owner, idOrSlug, slug));
    try {
      return prepared.machine().isPresent()
          ? ofRunning(prepared, prepared.machine().get(), slug)
          : locked(() -> commit(prepared, slug, () -> {}));
    } finally {
      locked(
          () -> {
            leases.release(prepared.lease());
            collectLocked();
            return slug;
          });
    }
  }

  /**
   * A head that a volume is to have.
   *
   * @param volume as it was when the head was made
   * @param machine what writes to the volume
   * @param lease keeps the head until the catalog does
   */
  private record Prepared(Disk volume, Layer head, Optional<RunningDisk> machine, Path lease) {}

  private Prepared prepare(String owner, String idOrSlug, String slug) throws IOException {
    Catalog catalog = file.read();
    Disk volume = snapshotable(catalog, owner, idOrSlug);
    checkFree(catalog, owner, slug);
    checkRoom();
    checkDepth(catalog, volume);
    Optional<RunningDisk> machine = Optional.ofNullable(running.get(volume.id()));
    Layer head = newLayer(Optional.of(volume.top()));
    if (machine.isPresent()) {
      // The machine sees no other directory.
      head = head.in(topOf(catalog, volume).directory());
    } else {
      checkUnused(volume);
      layers.awaitFree(topOf(catalog, volume));
    }
    Path lease = leases.add(new Lease(head.id(), "a snapshot", List.of(head.id())));
    layers.makeDirectory(head);
    tools.createEmpty(layers.fileOf(head), volume.bytes());
    layers.force(head);
    FaultPoint.LAYER_MADE.reached();
    return new Prepared(volume, head, machine, lease);
  }

  private static Layer topOf(Catalog catalog, Disk disk) {
    return catalog
        .layer(disk.top())
        .orElseThrow(
            () ->
                new StorageException(
                    Reason.DAMAGED, "The catalog lacks the layer of '" + disk.slug() + "'."));
  }

  /** The guest is waited for without the lock: it takes as long as it likes. */
  private Snapshot ofRunning(Prepared prepared, RunningDisk machine, String slug) {
    try {
      machine.admit(layers.fileOf(prepared.head()));
      machine.freeze();
    } catch (IOException e) {
      throw notFrozen(prepared, e);
    }
    Snapshot made;
    try {
      made =
          locked(
              () -> commit(prepared, slug, () -> machine.switchTo(layers.fileOf(prepared.head()))));
    } catch (RuntimeException e) {
      thawQuietly(machine);
      throw e;
    }
    try {
      machine.thaw();
    } catch (IOException e) {
      // Both files belong to the chain of the volume; only the snapshot is not what it should be.
      locked(
          () -> {
            file.write(file.read().withoutSnapshot(made.id()));
            return made;
          });
      throw notFrozen(prepared, e);
    }
    return made;
  }

  private static StorageException notFrozen(Prepared prepared, IOException e) {
    return new StorageException(
        Reason.BUSY,
        "The guest that has volume '%s' did not stand still for a snapshot (%s). Try again."
            .formatted(prepared.volume().slug(), e.getMessage()),
        e);
  }

  /** Something that a machine does. */
  private interface Step {
    void run() throws IOException;
  }

  /**
   * Whatever instant a crash comes at, all that a guest was told to be written is below the head
   * that the catalog has: it writes nothing between the commit and the switch.
   */
  private Snapshot commit(Prepared prepared, String slug, Step machine) throws IOException {
    Catalog catalog = file.read();
    Disk volume = existing(catalog, prepared.volume().owner(), prepared.volume().id());
    checkFree(catalog, volume.owner(), slug);
    boolean same =
        volume.top().equals(prepared.volume().top())
            && Optional.ofNullable(running.get(volume.id())).equals(prepared.machine());
    if (!same) {
      throw new StorageException(
          Reason.BUSY,
          "Volume '%s' changed hands while a snapshot was being made. Try again."
              .formatted(volume.slug()));
    }
    Layer old = topOf(catalog, volume);
    Disk snapshot =
        new Disk(
            newId("snp"),
            volume.owner(),
            slug,
            volume.region(),
            volume.capacity(),
            clock.instant(),
            old.id(),
            volume.image(),
            Optional.of(volume.id()),
            Optional.of(volume.slug()),
            Optional.empty());
    Catalog changed =
        catalog
            .with(prepared.head())
            .withVolume(volume.withTop(prepared.head().id()))
            .withSnapshot(snapshot);
    file.write(changed);
    FaultPoint.HEAD_COMMITTED.reached();
    try {
      machine.run();
    } catch (IOException | RuntimeException e) {
      file.write(catalog);
      throw e;
    }
    FaultPoint.HEAD_SWITCHED.reached();
    layers.freeze(old);
    return described(changed).snapshot(snapshot);
  }

  private static void thawQuietly(RunningDisk machine) {
    try {
      machine.thaw();
    } catch (IOException e) {
      LOG.debug("A disk was not frozen any more", e);
    }
  }

  /** The snapshot of that id or slug. */
  public Optional<Snapshot> snapshot(String owner, String idOrSlug) {
    return locked(
        () -> {
          Catalog catalog = file.read();
          Optional<Disk> found = catalog.snapshot(owner, idOrSlug);
          return found.isEmpty()
              ? Optional.empty()
              : Optional.of(described(catalog).snapshot(found.get()));
        });
  }

  /** A part of the list of an owner's snapshots. */
  public Page<Snapshot> snapshots(String owner, PageRequest request) {
    return locked(
        () -> {
          Catalog catalog = file.read();
          Descriptions described = described(catalog);
          return page(catalog.snapshots(), owner, request, described::snapshot);
        });
  }

  /** Deletes a snapshot; its layers stay for as long as something needs them. */
  public void deleteSnapshot(String owner, String idOrSlug) {
    locked(
        () -> {
          Catalog catalog = file.read();
          Disk snapshot =
              catalog.snapshot(owner, idOrSlug).orElseThrow(() -> unknown("snapshot", idOrSlug));
          file.write(catalog.withSnapshot(snapshot.deletedAt(Optional.of(clock.instant()))));
          collectLocked();
          return snapshot;
        });
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
    return locked(
        () -> {
          Catalog catalog = file.read();
          if (catalog.snapshot(owner, idOrSlug).isPresent()) {
            throw new InvalidOptionException(
                "'%s' is a snapshot, which can be a root and cannot be mounted. Make a volume from it."
                    .formatted(idOrSlug));
          }
          return openVolume(catalog, existing(catalog, owner, idOrSlug), holder);
        });
  }

  /** Opens a volume or snapshot to boot from. */
  public Opened openRoot(String owner, String idOrSlug, String holder) {
    return locked(
        () -> {
          Catalog catalog = file.read();
          Optional<Disk> snapshot = catalog.snapshot(owner, idOrSlug);
          Disk disk = snapshot.orElseGet(() -> existing(catalog, owner, idOrSlug));
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
    checkUnused(volume);
    Catalog catalog = settled(found, volume);
    layers.awaitFree(catalog.layer(volume.top()).orElseThrow());
    return opened(catalog, volume, holder, true);
  }

  private Opened opened(Catalog catalog, Disk disk, String holder, boolean writable)
      throws IOException {
    List<Layer> chain = catalog.chain(disk.top());
    checkWhole(catalog, disk, chain);
    long bytes = disk.bytes();
    for (Layer layer : chain) {
      layers.check(layer, bytes, layer.id().equals(disk.top()));
    }
    Path lease = leases.add(new Lease(disk.id(), holder, chain.stream().map(Layer::id).toList()));
    return new Opened(
        disk.id(),
        chain.stream().map(layers::fileOf).toList(),
        bytes,
        writable,
        disk.image(),
        () -> close(disk.id(), lease));
  }

  private static void checkWhole(Catalog catalog, Disk disk, List<Layer> chain) {
    boolean whole = !chain.isEmpty() && chain.getLast().parent().isEmpty();
    if (!whole) {
      throw new StorageException(
          Reason.DAMAGED,
          "The catalog lacks layers of '%s' (%d of %d are there)."
              .formatted(disk.slug(), chain.size(), catalog.layers().size()));
    }
  }

  private void close(String disk, Path lease) {
    running.remove(disk);
    locked(
        () -> {
          leases.release(lease);
          Catalog catalog = file.read();
          Optional<Disk> volume =
              catalog.volumes().stream().filter(other -> other.id().equals(disk)).findFirst();
          if (volume.isPresent()) {
            settled(catalog, volume.get());
          }
          collectLocked();
          return disk;
        });
  }

  /** Makes an empty qcow2 file to lie above something. */
  public void createEmpty(Path disk, long bytes) throws IOException {
    tools.createEmpty(disk, bytes);
  }

  /** From now on, snapshots of that volume are made through its machine. */
  public void runs(String volume, RunningDisk machine) {
    running.put(volume, machine);
  }

  /**
   * Gives a head that was made while a machine had the volume a directory of its own, and takes it
   * back from the user that the machine ran as.
   */
  private Catalog settled(Catalog catalog, Disk volume) throws IOException {
    Layer head = catalog.layer(volume.top()).orElseThrow();
    if (Files.exists(layers.fileOf(head))) {
      layers.takeBack(head);
    }
    if (head.directory().equals(head.id())) {
      return catalog;
    }
    Layer moved = head.in(head.id());
    layers.link(head, moved);
    FaultPoint.HEAD_LINKED.reached();
    Catalog changed = catalog.with(moved);
    file.write(changed);
    FaultPoint.HEAD_MOVED.reached();
    Files.deleteIfExists(layers.fileOf(head));
    return changed;
  }

  /** Where the root of an image is kept for what lies above it. */
  public Path imageDirectory(String hash) {
    return images.directoryOf(hash);
  }

  // Checks.

  private static StorageException unknown(String what, String idOrSlug) {
    return new StorageException(
        Reason.NOT_FOUND,
        "There is no %s '%s'. 'belljar %ss list' shows those there are."
            .formatted(what, shortened(idOrSlug), what));
  }

  private static String shortened(String text) {
    return text.length() <= 64 ? text : text.substring(0, 64) + "…";
  }

  private static Disk existing(Catalog catalog, String owner, String idOrSlug) {
    return catalog.volume(owner, idOrSlug).orElseThrow(() -> unknown("volume", idOrSlug));
  }

  private static Disk snapshotable(Catalog catalog, String owner, String idOrSlug) {
    if (catalog.volume(owner, idOrSlug).isEmpty()
        && catalog.snapshot(owner, idOrSlug).isPresent()) {
      throw new StorageException(
          Reason.NOT_FOUND,
          "'%s' is no volume but a snapshot already. Make a volume from it to change it and make another."
              .formatted(idOrSlug));
    }
    return existing(catalog, owner, idOrSlug);
  }

  private static void checkFree(Catalog catalog, String owner, String slug) {
    if (catalog.isTaken(owner, slug)) {
      throw new StorageException(
          Reason.SLUG_TAKEN,
          "There is a volume or snapshot '%s' already. Choose another name.".formatted(slug));
    }
    long disks =
        Stream.concat(catalog.volumes().stream(), catalog.snapshots().stream())
            .filter(disk -> disk.owner().equals(owner))
            .count();
    if (disks >= MOST_DISKS) {
      throw new StorageException(
          Reason.FULL,
          "There are %d volumes and snapshots, which is the most. Delete some.".formatted(disks));
    }
  }

  private void checkRoom() throws IOException {
    long usable = Files.getFileStore(directory).getUsableSpace();
    if (usable < ROOM) {
      throw new StorageException(
          Reason.FULL,
          "The host's disk is full: %s are left. Make room there.".formatted(new ByteSize(usable)));
    }
  }

  private static void checkDepth(Catalog catalog, Disk disk) {
    if (catalog.chain(disk.top()).size() >= MOST_LAYERS) {
      throw new StorageException(
          Reason.FULL,
          "'%s' stands on %d snapshots, which is the most. Delete some of them."
              .formatted(disk.slug(), MOST_LAYERS - 1));
    }
  }

  private void checkUnused(Disk volume) throws IOException {
    Optional<String> holder = holderOf(volume);
    if (holder.isPresent()) {
      throw new StorageException(
          Reason.BUSY,
          "Volume '%s' is busy: sandbox %s has it. It is free when that has ended."
              .formatted(volume.slug(), holder.get()));
    }
  }

  private Optional<String> holderOf(Disk volume) throws IOException {
    return leases.all().stream()
        .filter(lease -> lease.disk().equals(volume.id()))
        .map(Lease::holder)
        .findFirst();
  }

  // Clearing away.

  /** Removes what nothing refers to any more. */
  public void collect() {
    locked(
        () -> {
          collectLocked();
          return directory;
        });
  }

  private void collectLocked() throws IOException {
    Catalog catalog = file.read();
    List<Lease> uses = leases.all();
    Set<String> usedDisks = new HashSet<>();
    Set<String> openLayers = new HashSet<>();
    uses.forEach(
        lease -> {
          usedDisks.add(lease.disk());
          openLayers.addAll(lease.layers());
        });
    Catalog changed = catalog;
    Instant oldest = clock.instant().minus(GRACE);
    for (Disk volume : catalog.volumes()) {
      if (volume.deleted().filter(oldest::isAfter).isPresent()) {
        changed = changed.withoutVolume(volume.id());
      }
    }
    for (Disk snapshot : catalog.snapshots()) {
      if (!snapshot.isThere() && !usedDisks.contains(snapshot.id())) {
        changed = changed.withoutSnapshot(snapshot.id());
      }
    }
    Set<String> needed = changed.used();
    needed.addAll(openLayers);
    changed =
        changed.withLayers(
            changed.layers().stream().filter(layer -> needed.contains(layer.id())).toList());
    if (!changed.equals(catalog)) {
      file.write(changed);
    }
    layers.keepOnly(new HashSet<>(changed.layers()), openLayers);
    images.keepOnly(changed.images());
  }

  // Names.

  private Layer newLayer(Optional<String> parent) {
    String id = randomText(ID_LENGTH);
    return new Layer(id, id, parent);
  }

  private String newId(String kind) {
    return kind + "_" + REGION + "_" + randomText(ID_LENGTH);
  }

  private String randomText(int length) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < length; i++) {
      text.append(ALPHABET.charAt(random.nextInt(ALPHABET.length())));
    }
    return text.toString();
  }

  /** Gives up what this process uses. */
  @Override
  public void close() throws IOException {
    try (BuildLock lock = lock(directory)) {
      leases.close();
    }
  }
}
