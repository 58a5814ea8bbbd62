package dev.belljar.engine.volumes;

import dev.belljar.engine.volumes.SavedDisks.SavedDisk;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A checkpoint that a machine may be restored from, until it is closed.
 *
 * @param id its id
 * @param slug its name
 * @param directory holds its memory, its state and files of its disks
 * @param machine what it takes to restore it
 * @param saved its disks
 * @param image the directory of the image that the machine's own disk lies above
 * @param disks those beyond the machine's own
 * @param lease what gives it back
 */
public record OpenedCheckpoint(
    String id,
    String slug,
    Path directory,
    MachineKind machine,
    SavedDisks saved,
    Path image,
    List<OpenedDisk> disks,
    Runnable lease)
    implements AutoCloseable {

  /** Copies what changes. */
  public OpenedCheckpoint {
    disks = List.copyOf(disks);
  }

  /**
   * A disk.
   *
   * @param saved as it was saved
   * @param files its files, the uppermost first; none is written to
   * @param image the directory of the image whose root is below them, if one is
   */
  public record OpenedDisk(SavedDisk saved, List<Path> files, Optional<Path> image) {

    /** Copies what changes. */
    public OpenedDisk {
      files = List.copyOf(files);
    }
  }

  /** Gives it back; no machine may have it open. */
  @Override
  public void close() {
    lease.run();
  }
}
