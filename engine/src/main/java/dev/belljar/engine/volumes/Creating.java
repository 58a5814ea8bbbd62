package dev.belljar.engine.volumes;

import dev.belljar.BelljarException;
import dev.belljar.ByteSize;
import dev.belljar.InvalidOptionException;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.Volume;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.volumes.Catalog.Disk;
import dev.belljar.engine.volumes.Catalog.Layer;
import dev.belljar.engine.volumes.Leases.Lease;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Makes volumes. Their first layer is made without the store's lock, and kept by a lease until the
 * catalog has it.
 */
final class Creating {
  private static final String HOLDER = "a new volume";

  private static final int MOST_AT_ONCE = 2;
  private static final Duration LONGEST_WAIT = Duration.ofMinutes(1);

  private final StoreDirectory store;
  private final Turns turns = new Turns(MOST_AT_ONCE, LONGEST_WAIT);

  Creating(StoreDirectory store) {
    this.store = store;
  }

  /**
   * What is to be made.
   *
   * @param volume as the catalog is to have it
   * @param layer its first layer
   * @param image what it lies above where it is made from the image
   * @param lease keeps what is made
   */
  private record Begun(
      Disk volume, VolumeOptions options, Layer layer, Optional<BootImage> image, Path lease) {}

  /** Makes a volume; {@code image} is what it lies above where it is made from the image. */
  Volume create(String owner, VolumeOptions options, BootImage image) {
    Checks.checkCapacity(options.capacity());
    // Before waiting for anything.
    store.locked(() -> checked(store.file.read(), owner, options));
    try (Turns.Turn turn = turns.take(owner, "Other volumes are being made")) {
      Begun begun = store.locked(() -> begin(owner, options, image));
      try {
        store.withoutLock(() -> make(begun));
        FaultPoint.LAYER_MADE.reached();
        Disk made = store.locked(() -> commit(begun));
        return store.look(owner, (catalog, described) -> described.volume(made));
      } catch (RuntimeException e) {
        store.giveUp(begun.lease, e);
        throw e;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BelljarException(
          "Interrupted while volume '" + options.slug() + "' was waiting to be made.", e);
    }
  }

  /** The snapshot that it is to be made from; empty where it is made from none. */
  private Optional<Disk> checked(Catalog catalog, String owner, VolumeOptions options)
      throws IOException {
    long capacity = options.capacity().bytes();
    Checks.checkFree(catalog, owner, options.slug());
    store.quotas.check(catalog, owner, capacity);
    Checks.checkRoom(store);
    Optional<Disk> origin =
        options
            .from()
            .filter(name -> !name.equals(VolumeOptions.BUILTIN))
            .map(name -> originOf(catalog, owner, name));
    if (origin.isPresent()) {
      checkNotLess(capacity, origin.get());
      Checks.checkDepth(catalog, origin.get());
    }
    return origin;
  }

  private Begun begin(String owner, VolumeOptions options, BootImage image) throws IOException {
    Catalog catalog = store.file.read();
    Optional<Disk> origin = checked(catalog, owner, options);
    boolean builtin = options.from().equals(Optional.of(VolumeOptions.BUILTIN));
    Layer layer = store.newLayer(origin.map(Disk::top));
    Disk volume =
        new Disk(
            store.newId("vol"),
            owner,
            options.slug(),
            options.region().orElse(StoreDirectory.region()),
            options.capacity().bytes(),
            store.clock.instant(),
            layer.id(),
            builtin ? Optional.of(image.hash()) : origin.flatMap(Disk::image),
            origin.map(Disk::id),
            origin.map(Disk::slug),
            Optional.empty());
    List<String> kept = new ArrayList<>(List.of(layer.id()));
    kept.add(LayerFiles.idOf(DiskTools.rawOf(store.layers.fileOf(layer))));
    kept.add(LayerFiles.idOf(imageOf(layer)));
    volume.image().ifPresent(kept::add);
    Path lease = store.leases.add(new Lease(layer.id(), HOLDER, kept));
    return new Begun(
        volume, options, layer, builtin ? Optional.of(image) : Optional.empty(), lease);
  }

  private Begun make(Begun begun) throws IOException {
    Layer layer = begun.layer;
    store.layers.makeDirectory(layer);
    if (layer.parent().isPresent()) {
      store.empties.create(store.layers.fileOf(layer), begun.volume.bytes());
    } else {
      store.tools.createFileSystem(
          store.layers.fileOf(layer), begun.volume.bytes(), begun.image.isPresent());
    }
    store.layers.force(layer);
    if (begun.image.isPresent()) {
      store.images.keep(begun.image.get(), imageOf(layer));
    }
    return begun;
  }

  private Path imageOf(Layer layer) {
    return store.layers.directoryOf(layer).resolve(layer.id() + ".image");
  }

  private Disk commit(Begun begun) throws IOException {
    Catalog catalog = store.file.read();
    Disk volume = begun.volume;
    Optional<Disk> origin = checked(catalog, volume.owner(), begun.options);
    if (!origin.map(Disk::id).equals(volume.origin())) {
      throw new StorageException(
          Reason.BUSY,
          "Snapshot '%s' is another one since volume '%s' was begun. Try again."
              .formatted(begun.options.from().orElse(""), volume.slug()));
    }
    // Merging may have put another layer below the snapshot's name.
    Layer layer = new Layer(begun.layer.id(), begun.layer.directory(), origin.map(Disk::top));
    store.file.write(catalog.with(layer).withVolume(volume));
    store.leases.release(begun.lease);
    return volume;
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
}
