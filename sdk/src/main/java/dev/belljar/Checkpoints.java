package dev.belljar;

import java.util.Optional;

/**
 * The checkpoints of one owner, which {@link Sandbox#checkpoint} makes. Safe for use by many
 * threads; calls block.
 */
public interface Checkpoints {

  /** The checkpoint of that id or slug. */
  Optional<Checkpoint> get(String idOrSlug);

  /**
   * A part of the list of all, oldest first.
   *
   * @throws InvalidOptionException where the cursor is none that this list gave
   */
  Page<Checkpoint> list(PageRequest request);

  /**
   * Deletes it. Its name is free at once; its data is kept for as long as a sandbox that goes on
   * from it runs.
   *
   * @throws StorageException where there is none
   */
  void delete(String idOrSlug);
}
