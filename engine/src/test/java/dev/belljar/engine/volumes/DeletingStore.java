package dev.belljar.engine.volumes;

import dev.belljar.StorageException;
import java.nio.file.Path;
import java.time.InstantSource;

/** Another process, which deletes a volume. Ends with 1 where it was refused as busy. */
final class DeletingStore {
  static final int BUSY = 1;

  private DeletingStore() {}

  /** Of that storage directory, owner and slug. */
  public static void main(String[] args) throws Exception {
    try (VolumeStore store =
        Disks.store(Path.of(args[0]), Disks.merger(), InstantSource.system())) {
      store.deleteVolume(args[1], args[2]);
    } catch (StorageException e) {
      System.exit(e.reason() == StorageException.Reason.BUSY ? BUSY : 2);
    }
  }
}
