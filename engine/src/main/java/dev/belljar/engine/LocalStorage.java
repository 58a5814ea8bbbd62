package dev.belljar.engine;

import dev.belljar.Checkpoint;
import dev.belljar.Checkpoints;
import dev.belljar.Page;
import dev.belljar.PageRequest;
import dev.belljar.Snapshot;
import dev.belljar.Snapshots;
import dev.belljar.Storage;
import dev.belljar.Volume;
import dev.belljar.VolumeOptions;
import dev.belljar.Volumes;
import dev.belljar.engine.volumes.BootImage;
import dev.belljar.engine.volumes.VolumeStore;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Optional;

/**
 * The disks of one owner on this host.
 *
 * @param store where they are, beside those of others
 * @param owner whose they are
 * @param image what bootable volumes are made above
 */
record LocalStorage(VolumeStore store, String owner, BootImage image) implements Storage {

  @Override
  public Volumes volumes() {
    return new OwnVolumes();
  }

  @Override
  public Snapshots snapshots() {
    return new OwnSnapshots();
  }

  @Override
  public void exportTo(String idOrSlug, boolean withImage, OutputStream out) throws IOException {
    store.exportTo(owner, idOrSlug, withImage, out);
  }

  @Override
  public Volume importFrom(Optional<String> slug, InputStream in) throws IOException {
    return store.importFrom(owner, slug, image, in);
  }

  private final class OwnVolumes implements Volumes {
    @Override
    public Volume create(VolumeOptions options) {
      return store.create(owner, options, image);
    }

    @Override
    public Optional<Volume> get(String idOrSlug) {
      return store.volume(owner, idOrSlug);
    }

    @Override
    public Page<Volume> list(PageRequest request) {
      return store.volumes(owner, request);
    }

    @Override
    public void delete(String idOrSlug) {
      store.deleteVolume(owner, idOrSlug);
    }

    @Override
    public Volume restore(String idOrSlug) {
      return store.restore(owner, idOrSlug);
    }

    @Override
    public Snapshot snapshot(String idOrSlug, String slug) {
      return store.snapshot(owner, idOrSlug, slug);
    }
  }

  @Override
  public Checkpoints checkpoints() {
    return new OwnCheckpoints();
  }

  private final class OwnCheckpoints implements Checkpoints {
    @Override
    public Optional<Checkpoint> get(String idOrSlug) {
      return store.checkpoint(owner, idOrSlug);
    }

    @Override
    public Page<Checkpoint> list(PageRequest request) {
      return store.checkpoints(owner, request);
    }

    @Override
    public void delete(String idOrSlug) {
      store.deleteCheckpoint(owner, idOrSlug);
    }
  }

  private final class OwnSnapshots implements Snapshots {
    @Override
    public Optional<Snapshot> get(String idOrSlug) {
      return store.snapshot(owner, idOrSlug);
    }

    @Override
    public Page<Snapshot> list(PageRequest request) {
      return store.snapshots(owner, request);
    }

    @Override
    public void delete(String idOrSlug) {
      store.deleteSnapshot(owner, idOrSlug);
    }
  }
}
