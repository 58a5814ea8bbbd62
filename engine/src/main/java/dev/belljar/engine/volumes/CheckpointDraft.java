package dev.belljar.engine.volumes;

import dev.belljar.Checkpoint;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.engine.volumes.Catalog.Disk;
import dev.belljar.engine.volumes.Catalog.Layer;
import dev.belljar.engine.volumes.Catalog.SavedMachine;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A checkpoint that is being made. Whoever makes it fills its directory, commits it while the
 * machine stands still, and completes it when all of it is on the disk. Closed before that, nothing
 * is left of it.
 */
public final class CheckpointDraft implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(CheckpointDraft.class);

  private final StoreDirectory store;
  private final String id;
  private final Path directory;
  private final Request request;
  private final Map<String, NewHead> heads;
  private final Path lease;

  /** Until the volumes have new heads, nobody else gives them any. */
  private final Deque<Turns.Turn> turns;

  CheckpointDraft(
      StoreDirectory store,
      String id,
      Path directory,
      Request request,
      Map<String, NewHead> heads,
      Path lease,
      Deque<Turns.Turn> turns) {
    this.store = store;
    this.id = id;
    this.directory = directory;
    this.request = request;
    this.heads = Map.copyOf(heads);
    this.lease = lease;
    this.turns = turns;
  }

  /**
   * What is to be made.
   *
   * @param owner whose it is
   * @param slug its name
   * @param sandbox what it is made of
   * @param volumes the ids of the volumes that the sandbox writes to
   * @param image the image that it runs above
   * @param bytes what it may take on the disk
   * @param mostLayers how many layers the disks of a machine may have together, beyond its own disk
   */
  public record Request(
      String owner,
      String slug,
      String sandbox,
      List<String> volumes,
      BootImage image,
      long bytes,
      int mostLayers) {

    /** Copies what changes. */
    public Request {
      volumes = List.copyOf(volumes);
    }
  }

  /** A head that a volume is to have. */
  record NewHead(Disk volume, Layer layer) {}

  /** Something that the machine does while it stands still. */
  public interface Step {
    /**
     * Does it.
     *
     * @return false where it was not done, and everything is as before
     * @throws IOException where nobody knows; the machine has ended
     */
    boolean run() throws IOException;
  }

  /** Its id. */
  public String id() {
    return id;
  }

  /** Where memory, state and files of disks belong. */
  public Path directory() {
    return directory;
  }

  /** The file that a volume is to be written to after the instant; empty so far. */
  public Path newHead(String volume) {
    return store.layers.fileOf(head(volume).layer());
  }

  /** The layer that holds a volume as it is at the instant. */
  public String top(String volume) {
    return head(volume).volume().top();
  }

  /** The layer that a snapshot, or a disk of a checkpoint, stands on now: merging changes it. */
  public Optional<String> currentTop(String id, int slot) {
    return store.locked(() -> store.file.read().topOf(id, slot));
  }

  private NewHead head(String volume) {
    return Optional.ofNullable(heads.get(volume)).orElseThrow();
  }

  /**
   * Gives the volumes their new heads, while the machine stands still. Others are kept from that
   * until {@link #endTurns}.
   *
   * @param switchHeads has the machine write to them; where it fails, it writes to the old ones
   */
  public void commit(MachineKind machine, SavedDisks disks, Step switchHeads) {
    store.locked(
        () -> {
          Catalog catalog = store.file.read();
          Checks.checkFree(catalog, request.owner, request.slug);
          // Others may have been made since it began.
          store.quotas.check(catalog, request.owner, request.bytes);
          Catalog changed = catalog;
          for (NewHead head : heads.values()) {
            Disk volume = Checks.existing(catalog, request.owner, head.volume.id());
            // The sandbox may have been closed, and another have the volume by now.
            if (!volume.top().equals(head.volume.top())
                || !Checks.isHeldBy(store, volume, request.sandbox)) {
              throw Checkpointing.changed(volume.slug());
            }
            Checks.checkWhole(store, catalog, volume.slug(), catalog.chain(volume.top()));
            changed = changed.with(head.layer).withVolume(volume.withTop(head.layer.id()));
          }
          if (!disks.tops().allMatch(top -> catalog.layer(top).isPresent())) {
            throw Checkpointing.changed(request.sandbox);
          }
          Checks.checkLayers(changed, disks, request.sandbox, request.mostLayers);
          changed =
              changed.withCheckpoint(
                  new SavedMachine(
                      id,
                      request.owner,
                      request.slug,
                      StoreDirectory.region(),
                      store.clock.instant(),
                      request.sandbox,
                      machine,
                      disks,
                      false,
                      Optional.empty()));
          store.file.write(changed);
          FaultPoint.CHECKPOINT_COMMITTED.reached();
          try {
            if (!switchHeads.run()) {
              store.file.write(catalog);
              throw new IOException("the machine cannot write to other files");
            }
          } catch (IOException e) {
            LOG.warn("Checkpoint {} is not made", id, e);
            throw new StorageException(
                Reason.BUSY,
                "Sandbox %s could not be saved; the host's log tells why."
                    .formatted(request.sandbox),
                e);
          }
          FaultPoint.CHECKPOINT_SWITCHED.reached();
          for (NewHead head : heads.values()) {
            store.layers.freeze(Checks.topOf(catalog, head.volume));
          }
          return id;
        });
  }

  /** The machine goes on: others may give its volumes new heads. */
  public void endTurns() {
    while (!turns.isEmpty()) {
      turns.remove().close();
    }
  }

  /** Lets it be used; all of it must be on the disk. */
  public Checkpoint complete() {
    SavedMachine saved =
        store.locked(
            () -> {
              Catalog catalog = store.file.read();
              SavedMachine found =
                  catalog.checkpoints().stream()
                      .filter(one -> one.id().equals(id))
                      .findFirst()
                      .orElseThrow(() -> Checks.unknown("checkpoint", request.slug));
              SavedMachine complete = found.completed();
              store.file.write(catalog.withCheckpoint(complete));
              FaultPoint.CHECKPOINT_COMPLETE.reached();
              return complete;
            });
    return store.withoutLock(() -> Checkpointing.described(store, saved));
  }

  /** Gives up what keeps an unfinished one. */
  @Override
  public void close() {
    try {
      store.giveUp(lease);
    } finally {
      endTurns();
    }
  }
}
