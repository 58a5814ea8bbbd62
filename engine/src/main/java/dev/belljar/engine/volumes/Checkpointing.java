package dev.belljar.engine.volumes;

import dev.belljar.BelljarException;
import dev.belljar.Checkpoint;
import dev.belljar.Page;
import dev.belljar.PageRequest;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.storage.FileTree;
import dev.belljar.engine.volumes.Catalog.Disk;
import dev.belljar.engine.volumes.Catalog.Layer;
import dev.belljar.engine.volumes.Catalog.SavedMachine;
import dev.belljar.engine.volumes.Leases.Lease;
import dev.belljar.engine.volumes.SavedDisks.SavedDisk;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** Checkpoints: their making, their use by machines, and their end. */
final class Checkpointing {
  private final StoreDirectory store;
  private final Turns heads;

  Checkpointing(StoreDirectory store, Turns heads) {
    this.store = store;
    this.heads = heads;
  }

  /** Begins to make one; what it needs is kept until the draft is closed. */
  CheckpointDraft begin(CheckpointDraft.Request request) {
    VolumeOptions.checkSlug(request.slug());
    Deque<Turns.Turn> turns = take(request);
    try {
      Begun begun = store.locked(() -> lease(request));
      try {
        return store.withoutLock(() -> draft(request, begun, turns));
      } catch (RuntimeException e) {
        store.giveUp(begun.lease, e);
        throw e;
      }
    } catch (RuntimeException e) {
      turns.forEach(Turns.Turn::close);
      throw e;
    }
  }

  /** Its volumes are one sandbox's, so nobody waits for one of them and has another. */
  private Deque<Turns.Turn> take(CheckpointDraft.Request request) {
    String work = "A snapshot is being made of a volume of sandbox " + request.sandbox();
    Deque<Turns.Turn> turns = new ArrayDeque<>();
    try {
      for (String volume : request.volumes()) {
        turns.add(heads.take(volume, work));
      }
      return turns;
    } catch (InterruptedException e) {
      turns.forEach(Turns.Turn::close);
      Thread.currentThread().interrupt();
      throw new BelljarException(
          "Interrupted while checkpoint '" + request.slug() + "' was waiting to be made.", e);
    } catch (RuntimeException e) {
      turns.forEach(Turns.Turn::close);
      throw e;
    }
  }

  /**
   * What is to be made.
   *
   * @param heads of the volumes, not there yet
   */
  private record Begun(String id, Map<String, CheckpointDraft.NewHead> heads, Path lease) {}

  private Begun lease(CheckpointDraft.Request request) throws IOException {
    Catalog catalog = store.file.read();
    Checks.checkFree(catalog, request.owner(), request.slug());
    store.quotas.check(catalog, request.owner(), request.bytes());
    Checks.checkRoom(store, request.bytes());
    String id = store.newId("chk");
    Map<String, CheckpointDraft.NewHead> heads = new HashMap<>();
    List<String> needed = new ArrayList<>();
    for (String volumeId : request.volumes()) {
      Disk volume = Checks.existing(catalog, request.owner(), volumeId);
      Checks.checkDepth(catalog, volume);
      // The machine sees no other directory.
      Layer old = Checks.topOf(catalog, volume);
      Layer head = store.newLayer(Optional.of(volume.top())).in(old.directory());
      heads.put(volumeId, new CheckpointDraft.NewHead(volume, head));
      needed.add(head.id());
    }
    needed.add(request.image().hash());
    return new Begun(id, heads, store.leases.add(new Lease(id, request.sandbox(), needed)));
  }

  private CheckpointDraft draft(
      CheckpointDraft.Request request, Begun begun, Deque<Turns.Turn> turns) throws IOException {
    for (CheckpointDraft.NewHead head : begun.heads.values()) {
      store.layers.makeDirectory(head.layer());
      store.empties.create(store.layers.fileOf(head.layer()), head.volume().bytes());
      store.layers.force(head.layer());
    }
    Path directory = Files.createDirectories(directoryOf(begun.id));
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
    CatalogFile.force(Optional.ofNullable(directory.getParent()).orElseThrow());
    store.images.keepForMachines(request.image(), directory.resolve("image.new"));
    FaultPoint.LAYER_MADE.reached();
    return new CheckpointDraft(
        store, begun.id, directory, request, begun.heads, begun.lease, turns);
  }

  private Path directoryOf(String id) {
    return store.checkpointDirectory(id);
  }

  /** The checkpoint of that id or slug. */
  Optional<Checkpoint> get(String owner, String idOrSlug) {
    Optional<SavedMachine> found =
        store.locked(() -> store.file.read().checkpoint(owner, idOrSlug));
    return found.map(one -> store.withoutLock(() -> described(store, one)));
  }

  /** A part of the list of an owner's checkpoints. */
  Page<Checkpoint> list(String owner, PageRequest request) {
    Catalog catalog = store.locked(() -> store.file.read());
    return store.withoutLock(
        () -> Pages.of(catalog.checkpoints(), owner, request, one -> described(store, one)));
  }

  /** Deletes one; its files stay for as long as a sandbox runs from it. */
  void delete(String owner, String idOrSlug) {
    store.locked(
        () -> {
          Catalog catalog = store.file.read();
          SavedMachine found = existing(catalog, owner, idOrSlug);
          store.file.write(catalog.withCheckpoint(found.deletedAt(store.clock.instant())));
          store.collect();
          return found;
        });
  }

  private static SavedMachine existing(Catalog catalog, String owner, String idOrSlug) {
    return catalog
        .checkpoint(owner, idOrSlug)
        .orElseThrow(() -> Checks.unknown("checkpoint", idOrSlug));
  }

  /** Opens one to be restored; it is there until that is closed. */
  OpenedCheckpoint open(String owner, String idOrSlug, String holder) {
    return store.locked(
        () -> {
          Catalog catalog = store.file.read();
          SavedMachine found = existing(catalog, owner, idOrSlug);
          Path directory = directoryOf(found.id());
          List<OpenedCheckpoint.OpenedDisk> disks = new ArrayList<>();
          List<String> needed = new ArrayList<>();
          for (SavedDisk disk : found.disks().others()) {
            List<Path> files = new ArrayList<>();
            for (String name : disk.files()) {
              files.add(checked(directory.resolve(name), disk.bytes()));
            }
            if (disk.top().isPresent()) {
              List<Layer> chain = catalog.chain(disk.top().get());
              Checks.checkWhole(store, catalog, found.slug(), chain);
              for (Layer layer : chain) {
                store.layers.check(layer, disk.bytes(), false);
                files.add(store.layers.fileOf(layer));
                needed.add(layer.id());
              }
            }
            disks.add(
                new OpenedCheckpoint.OpenedDisk(
                    disk, files, disk.image().map(store.images::directoryOf)));
          }
          for (String name : found.disks().own()) {
            checked(directory.resolve(name), Long.MAX_VALUE);
          }
          Path lease = store.leases.add(new Lease(found.id(), holder, needed));
          return new OpenedCheckpoint(
              found.id(),
              found.slug(),
              directory,
              found.machine(),
              found.disks(),
              store.images.directoryOf(found.disks().image()),
              disks,
              () -> giveBack(lease));
        });
  }

  private static Path checked(Path file, long bytes) throws IOException {
    LayerFiles.check(file, bytes, false);
    return file;
  }

  private void giveBack(Path lease) {
    store.giveUp(lease);
  }

  /** As users see it; without the lock. */
  static Checkpoint described(StoreDirectory store, SavedMachine one) throws IOException {
    Path directory = store.checkpointDirectory(one.id());
    List<Path> files =
        Stream.concat(Stream.of("memory", "state"), one.disks().files())
            .map(directory::resolve)
            .toList();
    return new Checkpoint(
        one.id(),
        one.slug(),
        one.region(),
        (long) one.machine().memoryMebibytes() << 20,
        one.machine().vcpus(),
        LayerFiles.allocated(files).values().stream().mapToLong(Long::longValue).sum(),
        one.sandbox(),
        one.created());
  }

  /** Removes the directories of others than these. */
  static void keepOnly(Path all, Collection<String> ids) throws IOException {
    if (!Files.isDirectory(all)) {
      return;
    }
    try (DirectoryStream<Path> directories = Files.newDirectoryStream(all)) {
      for (Path directory : directories) {
        if (!ids.contains(String.valueOf(directory.getFileName()))) {
          FileTree.delete(directory);
          FaultPoint.FILE_REMOVED.reached();
        }
      }
    }
  }

  /** What a checkpoint that changed hands meanwhile is refused with. */
  static StorageException changed(String what) {
    return new StorageException(
        Reason.BUSY, "'%s' changed while a checkpoint was being made. Try again.".formatted(what));
  }
}
