package dev.belljar.spi;

import dev.belljar.ByteSize;

/**
 * How much a tenant may keep. What is deleted counts until its data is removed: it takes room.
 *
 * @param capacity of all its volumes, and the memory of its checkpoints, together
 * @param disks how many volumes, snapshots and checkpoints; at least 1
 */
public record StorageLimits(ByteSize capacity, int disks) {
  /** Far more than the disk of a host; of disks, as many as are kept well. */
  public static final StorageLimits NONE = new StorageLimits(new ByteSize(Long.MAX_VALUE), 1000);
}
