package dev.belljar;

import java.util.Optional;

/** The snapshots of one owner. Safe for use by many threads; calls block. */
public interface Snapshots {

  /** The snapshot of that id or slug. */
  Optional<Snapshot> get(String idOrSlug);

  /**
   * A part of the list of all, oldest first.
   *
   * @throws InvalidOptionException where the cursor is none that this list gave
   */
  Page<Snapshot> list(PageRequest request);

  /**
   * Deletes it. Its name is free at once; its data is kept for as long as a volume or another
   * snapshot is built on it, or a sandbox runs from it.
   *
   * @throws StorageException where there is none
   */
  void delete(String idOrSlug);
}
