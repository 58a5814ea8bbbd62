package dev.belljar.engine.volumes;

import dev.belljar.BelljarException;
import dev.belljar.Snapshot;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.storage.Uninterrupted;
import dev.belljar.engine.volumes.Catalog.Disk;
import dev.belljar.engine.volumes.Catalog.Layer;
import dev.belljar.engine.volumes.Leases.Lease;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes snapshots, of volumes that nobody has and of those that a machine of this process has. */
final class Snapshotting {
  private static final Logger LOG = LoggerFactory.getLogger(Snapshotting.class);

  private static final String HOLDER = "a snapshot";

  private final StoreDirectory store;
  private final Opening opening;
  private final Turns heads;
  private final Map<String, RunningDisk> running = new ConcurrentHashMap<>();

  Snapshotting(StoreDirectory store, Opening opening, Turns heads) {
    this.store = store;
    this.opening = opening;
    this.heads = heads;
  }

  /** From now on, snapshots of that volume are made through its machine. */
  void runs(String volume, RunningDisk machine) {
    running.put(volume, machine);
  }

  /** No machine has that volume any more. */
  void ended(String volume) {
    running.remove(volume);
  }

  /** Makes a snapshot of a volume, which a machine of this process may have. */
  Snapshot snapshot(String owner, String idOrSlug, String slug) {
    VolumeOptions.checkSlug(slug);
    try {
      return Uninterrupted.await("snapshot", () -> make(owner, idOrSlug, slug));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BelljarException(
          "Interrupted while snapshot '" + slug + "' was being made. It comes to its end.", e);
    }
  }

  private Snapshot make(String owner, String idOrSlug, String slug) throws InterruptedException {
    Disk volume = store.locked(() -> Checks.snapshotable(store.file.read(), owner, idOrSlug));
    String work = "A snapshot or a checkpoint is being made of volume '%s'".formatted(idOrSlug);
    try (Turns.Turn turn = heads.take(volume.id(), work)) {
      return makeInTurn(owner, volume.id(), slug);
    }
  }

  private Snapshot makeInTurn(String owner, String idOrSlug, String slug) {
    Begun begun = store.locked(() -> begin(owner, idOrSlug, slug));
    try {
      Prepared prepared = store.withoutLock(() -> prepare(begun));
      FaultPoint.LAYER_MADE.reached();
      Disk made =
          prepared.machine().isPresent()
              ? ofRunning(prepared, prepared.machine().get(), slug)
              : store.locked(() -> commit(prepared, slug, () -> true));
      // Sizes are looked at when the guest goes on.
      return store.look(owner, (catalog, described) -> described.snapshot(made));
    } finally {
      store.giveUp(begun.lease);
    }
  }

  /**
   * A snapshot that is to be made.
   *
   * @param volume as it is now
   * @param head what it is to have, not there yet
   * @param machine what writes to the volume
   * @param lease keeps the head until the catalog does; nobody else gets the volume meanwhile
   */
  private record Begun(
      Catalog catalog, Disk volume, Layer head, Optional<RunningDisk> machine, Path lease) {}

  /**
   * A head that a volume is to have.
   *
   * @param volume as it was when the head was made
   * @param machine what writes to the volume
   * @param looked whether the volume's last end was unclean, and it is whole
   */
  private record Prepared(Disk volume, Layer head, Optional<RunningDisk> machine, boolean looked) {}

  private Begun begin(String owner, String idOrSlug, String slug) throws IOException {
    Catalog catalog = store.file.read();
    Disk volume = Checks.snapshotable(catalog, owner, idOrSlug);
    check(catalog, owner, slug);
    Checks.checkDepth(catalog, volume);
    List<Layer> chain = catalog.chain(volume.top());
    Checks.checkWhole(store, catalog, volume.slug(), chain);
    Optional<RunningDisk> machine = Optional.ofNullable(running.get(volume.id()));
    Layer head = store.newLayer(Optional.of(volume.top()));
    List<String> kept = new ArrayList<>(List.of(head.id()));
    if (machine.isPresent()) {
      // The machine sees no other directory.
      head = head.in(chain.getFirst().directory());
      Path lease = store.leases.add(new Lease(head.id(), HOLDER, kept));
      return new Begun(catalog, volume, head, machine, lease);
    }
    checkUnused(volume);
    chain.forEach(layer -> kept.add(layer.id()));
    Path lease = store.leases.add(new Lease(volume.id(), HOLDER, kept));
    return new Begun(catalog, volume, head, machine, lease);
  }

  private void checkUnused(Disk volume) throws IOException {
    try {
      Checks.checkUnused(store, volume);
    } catch (StorageException e) {
      if (!Checks.isInSandboxElsewhere(store, volume)) {
        throw e;
      }
      throw new StorageException(
          e.reason(),
          e.getMessage()
              + " Make the snapshot then. While a sandbox has the volume, only who runs that can make"
              + " one: run it on a server, and make the snapshot there with --endpoint URL.",
          e);
    }
  }

  private void check(Catalog catalog, String owner, String slug) throws IOException {
    Checks.checkFree(catalog, owner, slug);
    store.quotas.check(catalog, owner, 0);
    Checks.checkRoom(store);
  }

  /** Without the lock: a volume whose machine was killed is looked at for as long as that takes. */
  private Prepared prepare(Begun begun) throws IOException {
    boolean looked = begun.machine.isEmpty() && opening.look(begun.catalog, begun.volume);
    FaultPoint.LOOKED_AT.reached();
    store.layers.makeDirectory(begun.head);
    store.empties.create(store.layers.fileOf(begun.head), begun.volume.bytes());
    store.layers.force(begun.head);
    return new Prepared(begun.volume, begun.head, begun.machine, looked);
  }

  /** The guest is waited for without the lock: it takes as long as it likes. */
  private Disk ofRunning(Prepared prepared, RunningDisk machine, String slug) {
    try {
      machine.admit(store.layers.fileOf(prepared.head()));
      machine.freeze();
    } catch (IOException e) {
      throw notFrozen(prepared, e);
    }
    FaultPoint.GUEST_FROZEN.reached();
    Disk made;
    try {
      made =
          store.locked(
              () ->
                  commit(
                      prepared,
                      slug,
                      () -> machine.switchTo(store.layers.fileOf(prepared.head()))));
    } catch (RuntimeException e) {
      thawQuietly(machine);
      throw e;
    }
    try {
      machine.thaw();
    } catch (IOException e) {
      // Both files belong to the chain of the volume; only the snapshot is not what it should be.
      store.locked(
          () -> {
            store.file.write(store.file.read().withoutSnapshot(made.id()));
            return made;
          });
      throw notFrozen(prepared, e);
    }
    FaultPoint.GUEST_THAWED.reached();
    return made;
  }

  private static StorageException notFrozen(Prepared prepared, IOException e) {
    return new StorageException(
        Reason.BUSY,
        "The guest that has volume '%s' did not stand still for a snapshot (%s). Try again."
            .formatted(prepared.volume().slug(), e.getMessage()),
        e);
  }

  /** Something that a machine does, or does not, or of which nobody knows: then it has ended. */
  private interface Step {
    boolean run() throws IOException;
  }

  /**
   * Whatever instant a crash comes at, all that a guest was told to be written is below the head
   * that the catalog has: it writes nothing between the commit and the switch.
   */
  private Disk commit(Prepared prepared, String slug, Step machine) throws IOException {
    Catalog catalog = store.file.read();
    Disk volume = Checks.existing(catalog, prepared.volume().owner(), prepared.volume().id());
    check(catalog, volume.owner(), slug);
    boolean same =
        volume.top().equals(prepared.volume().top())
            && Optional.ofNullable(running.get(volume.id())).equals(prepared.machine());
    if (!same) {
      throw new StorageException(
          Reason.BUSY,
          "Volume '%s' changed hands while a snapshot was being made. Try again."
              .formatted(volume.slug()));
    }
    Checks.checkWhole(store, catalog, volume.slug(), catalog.chain(volume.top()));
    Layer old = Checks.topOf(catalog, volume);
    Disk snapshot =
        new Disk(
            store.newId("snp"),
            volume.owner(),
            slug,
            volume.region(),
            volume.capacity(),
            store.clock.instant(),
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
    store.file.write(changed);
    FaultPoint.HEAD_COMMITTED.reached();
    try {
      if (!machine.run()) {
        store.file.write(catalog);
        throw notSwitched(volume);
      }
    } catch (IOException e) {
      // Wherever the last was written, the chain holds it.
      store.file.write(changed.withoutSnapshot(snapshot.id()));
      throw ended(volume, e);
    }
    FaultPoint.HEAD_SWITCHED.reached();
    try {
      store.layers.freeze(old);
    } catch (NoSuchFileException e) {
      store.file.write(changed.withoutSnapshot(snapshot.id()));
      throw Checks.missing(volume.slug(), old);
    }
    if (prepared.looked()) {
      store.ends.forget(volume);
    }
    return snapshot;
  }

  private static StorageException notSwitched(Disk volume) {
    return new StorageException(
        Reason.BUSY,
        "The machine that has volume '%s' cannot write to another file; the host's log tells why. Try again."
            .formatted(volume.slug()));
  }

  private static StorageException ended(Disk volume, IOException e) {
    LOG.warn("A machine ended while its disk was to be switched to another file", e);
    return new StorageException(
        Reason.BUSY,
        "The machine that has volume '%s' ended while a snapshot was being made of it; there is no snapshot. Try again."
            .formatted(volume.slug()),
        e);
  }

  private static void thawQuietly(RunningDisk machine) {
    try {
      machine.thaw();
    } catch (IOException e) {
      LOG.debug("A disk was not frozen any more", e);
    }
  }
}
