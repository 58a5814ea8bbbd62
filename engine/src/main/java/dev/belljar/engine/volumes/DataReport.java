package dev.belljar.engine.volumes;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What a check of a storage directory found.
 *
 * @param directory which it was
 * @param damage of the directory as a whole: what its catalog is wrong in; with the disks, all that
 *     is damaged
 * @param disks all volumes and snapshots, also those that are deleted and still kept
 * @param bytes that all layers take on the host
 * @param removed files that nothing referred to, relative to the directory; they are gone
 * @param deadLeases processes that had ended without giving back what they used; now they have
 */
public record DataReport(
    Path directory,
    List<Damage> damage,
    List<CheckedDisk> disks,
    long bytes,
    List<String> removed,
    int deadLeases) {

  /** Copies what changes. */
  public DataReport {
    damage = List.copyOf(damage);
    disks = List.copyOf(disks);
    removed = List.copyOf(removed);
  }

  /**
   * Something that is wrong.
   *
   * @param what in a sentence
   * @param remedy what to do, in a sentence
   */
  public record Damage(String what, String remedy) {}

  /**
   * A volume or snapshot.
   *
   * @param snapshot whether it is a snapshot
   * @param owner the organization of a server; empty for whoever keeps the directory
   * @param deleted whether it is deleted and kept for a while
   * @param layers how many it consists of
   * @param leaked clusters that its layers have and do not use; no damage
   * @param holder what has it open, so that not all of it could be looked at
   */
  public record CheckedDisk(
      boolean snapshot,
      String id,
      String slug,
      String owner,
      boolean deleted,
      int layers,
      long leaked,
      Optional<String> holder,
      List<Damage> damage) {
    /** Copies what changes. */
    public CheckedDisk {
      damage = List.copyOf(damage);
    }
  }

  /** Whether nothing is damaged; what was removed was none. */
  public boolean isFine() {
    return damage.isEmpty() && disks.stream().allMatch(disk -> disk.damage.isEmpty());
  }
}
