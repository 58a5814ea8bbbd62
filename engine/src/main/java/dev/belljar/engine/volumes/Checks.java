package dev.belljar.engine.volumes;

import dev.belljar.ByteSize;
import dev.belljar.InvalidOptionException;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.engine.volumes.Catalog.Disk;
import dev.belljar.engine.volumes.Catalog.Layer;
import dev.belljar.engine.volumes.Leases.Lease;
import dev.belljar.engine.volumes.SavedDisks.SavedDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Optional;

/** What must hold before something is done with a disk, each said as its user can act on it. */
final class Checks {
  /** Of each owner; the catalog is read and written as a whole. */
  private static final int MOST_DISKS = 1000;

  /** Layers that one disk may have: each snapshot adds one. */
  private static final int MOST_LAYERS = 32;

  /** Deno's limits. */
  private static final ByteSize SMALLEST = ByteSize.parse("300MB");

  private static final ByteSize LARGEST = ByteSize.parse("20GiB");

  /** What making a layer may take, and what must be left for machines to write to. */
  private static final long ROOM = 64L << 20;

  private Checks() {}

  static StorageException unknown(String what, String idOrSlug) {
    return new StorageException(
        Reason.NOT_FOUND,
        "There is no %s '%s'. 'belljar %ss list' shows those there are."
            .formatted(what, shortened(idOrSlug), what));
  }

  /** Where something of another kind has that name, it was probably meant. */
  private static StorageException unknown(
      String what, String idOrSlug, String other, Optional<Disk> instead) {
    return instead.isEmpty()
        ? unknown(what, idOrSlug)
        : new StorageException(
            Reason.NOT_FOUND,
            "There is no %s '%s', but a %s of that name: use 'belljar %ss' for it."
                .formatted(what, idOrSlug, other, other));
  }

  private static String shortened(String text) {
    return text.length() <= 64 ? text : text.substring(0, 64) + "…";
  }

  static Disk existing(Catalog catalog, String owner, String idOrSlug) {
    return catalog
        .volume(owner, idOrSlug)
        .orElseThrow(
            () -> unknown("volume", idOrSlug, "snapshot", catalog.snapshot(owner, idOrSlug)));
  }

  static Disk existingSnapshot(Catalog catalog, String owner, String idOrSlug) {
    return catalog
        .snapshot(owner, idOrSlug)
        .orElseThrow(
            () -> unknown("snapshot", idOrSlug, "volume", catalog.volume(owner, idOrSlug)));
  }

  static Disk snapshotable(Catalog catalog, String owner, String idOrSlug) {
    if (catalog.volume(owner, idOrSlug).isEmpty()
        && catalog.snapshot(owner, idOrSlug).isPresent()) {
      throw new StorageException(
          Reason.NOT_FOUND,
          "'%s' is no volume but a snapshot already. Make a volume from it to change it and make another."
              .formatted(idOrSlug));
    }
    return existing(catalog, owner, idOrSlug);
  }

  static void checkCapacity(ByteSize capacity) {
    if (capacity.bytes() < SMALLEST.bytes() || capacity.bytes() > LARGEST.bytes()) {
      throw new InvalidOptionException(
          "A capacity of %s is out of bounds: %s to %s.".formatted(capacity, SMALLEST, LARGEST));
    }
  }

  static void checkFree(Catalog catalog, String owner, String slug) {
    if (catalog.isTaken(owner, slug)) {
      throw new StorageException(
          Reason.SLUG_TAKEN,
          "There is a volume, snapshot or checkpoint '%s' already. Choose another name."
              .formatted(slug));
    }
    long disks = catalog.count(owner);
    if (disks >= MOST_DISKS) {
      throw new StorageException(
          Reason.FULL,
          "There are %d volumes, snapshots and checkpoints, which is the most. Delete some."
              .formatted(disks));
    }
  }

  /** A deleted volume counts already, and keeps the name that it has. */
  static void checkRestorable(Catalog catalog, Disk volume) {
    if (catalog.isTaken(volume.owner(), volume.slug())) {
      throw new StorageException(
          Reason.SLUG_TAKEN,
          "There is a volume, snapshot or checkpoint '%s' by now. Delete that, then restore this volume by its id, '%s'."
              .formatted(volume.slug(), volume.id()));
    }
  }

  static void checkRoom(StoreDirectory store) throws IOException {
    checkRoom(store, 0);
  }

  /** Whether there is room for that much, and some more. */
  static void checkRoom(StoreDirectory store, long bytes) throws IOException {
    long usable = Files.getFileStore(store.directory).getUsableSpace();
    if (usable - bytes < ROOM) {
      throw new StorageException(
          Reason.FULL,
          "The host's disk is full: %s are left. Make room there.".formatted(new ByteSize(usable)));
    }
  }

  /** Whether it can have no other layer before some are merged. */
  static boolean isAtTheBound(Catalog catalog, Disk disk) {
    return catalog.chain(disk.top()).size() >= MOST_LAYERS;
  }

  static void checkDepth(Catalog catalog, Disk disk) {
    if (isAtTheBound(catalog, disk)) {
      throw new StorageException(
          Reason.FULL,
          "'%s' stands on %d layers, which is the most, and they could not be merged. Those of a sandbox that runs are merged when it has ended: end it, or make room on the host's disk."
              .formatted(disk.slug(), MOST_LAYERS));
    }
  }

  /**
   * Whether a machine can go on from disks that are saved like this: each of its layers is a mount
   * of its own in the jail, and each disk gets one more to be written to.
   */
  static void checkLayers(Catalog catalog, SavedDisks disks, String sandbox, int most) {
    int layers = 0;
    for (SavedDisk disk : disks.others()) {
      int below = disk.top().map(top -> catalog.chain(top).size()).orElse(0);
      layers += 1 + disk.files().size() + below + (disk.image().isPresent() ? 1 : 0);
    }
    if (layers > most) {
      throw new StorageException(
          Reason.FULL,
          "Sandbox %s cannot be saved: its disks would have %d layers together, and a machine takes %d. Each snapshot of its volumes and each checkpoint that it went on from adds some: delete snapshots, or save a sandbox that has fewer volumes or did not go on from so many checkpoints."
              .formatted(sandbox, layers, most));
    }
  }

  static void checkUnused(StoreDirectory store, Disk volume) throws IOException {
    Optional<String> holder = holderOf(store, volume);
    if (holder.isPresent()) {
      throw new StorageException(
          Reason.BUSY,
          "Volume '%s' is busy: %s has it. It is free when that has ended."
              .formatted(volume.slug(), described(holder.get())));
    }
  }

  static boolean isHeldBy(StoreDirectory store, Disk volume, String holder) throws IOException {
    // A check may have it as well.
    return store.leases.all().stream()
        .anyMatch(one -> one.disk().equals(volume.id()) && one.holder().equals(holder));
  }

  /** Not only sandboxes have volumes: a check does, and an export. */
  static String described(String holder) {
    return isSandbox(holder) ? "sandbox " + holder : holder;
  }

  private static boolean isSandbox(String holder) {
    return !holder.contains(" ");
  }

  /** Whether a sandbox has it that another process runs. */
  static boolean isInSandboxElsewhere(StoreDirectory store, Disk volume) throws IOException {
    return holderOf(store, volume).filter(Checks::isSandbox).isPresent()
        && !store.leases.uses(volume.id());
  }

  private static Optional<String> holderOf(StoreDirectory store, Disk volume) throws IOException {
    return store.leases.all().stream()
        .filter(lease -> lease.disk().equals(volume.id()))
        .map(Lease::holder)
        .findFirst();
  }

  /** Whether all layers are there that it stands on, in the catalog and as files. */
  static void checkWhole(StoreDirectory store, Catalog catalog, String slug, List<Layer> chain) {
    boolean whole = !chain.isEmpty() && chain.getLast().parent().isEmpty();
    if (!whole) {
      throw new StorageException(
          Reason.DAMAGED,
          "The catalog lacks layers of '%s' (%d of %d are there)."
              .formatted(slug, chain.size(), catalog.layers().size()));
    }
    for (Layer layer : chain) {
      if (store.layers.isMissing(layer)) {
        throw missing(slug, layer);
      }
    }
  }

  static StorageException missing(String slug, Layer layer) {
    return new StorageException(
        Reason.DAMAGED,
        "'%s' cannot be used: its layer %s is missing. 'belljar data check' tells what to do."
            .formatted(slug, LayerFiles.nameOf(layer)));
  }

  /** Whether its layers are what they should be, as far as their headers tell. */
  static void checkSound(StoreDirectory store, Disk disk, List<Layer> chain) throws IOException {
    try {
      for (Layer layer : chain) {
        store.layers.check(layer, disk.bytes(), layer.id().equals(disk.top()));
      }
    } catch (StorageException e) {
      throw unsound(disk, e);
    }
  }

  /** Whether the head of a volume is one; nobody may have it open. */
  static void checkHead(StoreDirectory store, Disk volume, Layer head) throws IOException {
    try {
      store.layers.checkHead(head, volume.bytes());
    } catch (StorageException e) {
      throw unsound(volume, e);
    }
  }

  private static StorageException unsound(Disk disk, StorageException why) {
    return new StorageException(
        why.reason(),
        "'%s' cannot be used. %s 'belljar data check' tells what to do."
            .formatted(disk.slug(), why.getMessage()),
        why);
  }

  /** The uppermost layer of a disk. */
  static Layer topOf(Catalog catalog, Disk disk) {
    return catalog
        .layer(disk.top())
        .orElseThrow(
            () ->
                new StorageException(
                    Reason.DAMAGED, "The catalog lacks the layer of '" + disk.slug() + "'."));
  }
}
