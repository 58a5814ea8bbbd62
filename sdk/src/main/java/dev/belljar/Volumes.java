package dev.belljar;

import java.util.Optional;

/** The volumes of one owner. Safe for use by many threads; calls block. */
public interface Volumes {

  /**
   * Makes a volume; from a snapshot it takes no longer than without.
   *
   * @throws StorageException where the name is taken, there is no such origin, or no room
   * @throws InvalidOptionException where the capacity is out of bounds, or less than the origin's
   */
  Volume create(VolumeOptions options);

  /** The volume of that id or slug; of those that are deleted, by the id only. */
  Optional<Volume> get(String idOrSlug);

  /**
   * A part of the list of all that are not deleted, oldest first.
   *
   * @throws InvalidOptionException where the cursor is none that this list gave
   */
  Page<Volume> list(PageRequest request);

  /**
   * Deletes it. Its name is free at once; its data is kept for a grace period (24 hours unless
   * configured) and then removed.
   *
   * @throws StorageException where there is none, or a sandbox has it
   */
  void delete(String idOrSlug);

  /**
   * Takes back the deletion of a volume.
   *
   * @param idOrSlug its id, or the slug that it had, of several the last deleted
   * @throws StorageException where there is none, its data is removed, or its name is taken
   */
  Volume restore(String idOrSlug);

  /**
   * Makes a snapshot of it; also while a sandbox of this process or server has it, whose writing to
   * it waits for an instant. Takes no longer for a large volume.
   *
   * @throws StorageException where there is none, the name is taken, or another process has it
   */
  Snapshot snapshot(String idOrSlug, String slug);
}
