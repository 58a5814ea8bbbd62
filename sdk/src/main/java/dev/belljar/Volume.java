package dev.belljar;

import java.time.Instant;
import java.util.Optional;

/**
 * A disk with a name that outlives the sandboxes that it is mounted in, as it was when somebody
 * asked. One sandbox at a time has it.
 *
 * @param id {@code vol_}, the three letters of a region ({@code loc} on this host), {@code _} and
 *     20 characters
 * @param slug its name among the volumes and snapshots of its owner
 * @param region where it is; {@code loc} on this host
 * @param capacity bytes that its file system may take
 * @param allocatedSize bytes on the host that are its own, without those of a snapshot below
 * @param flattenedSize bytes that it would take without sharing anything with snapshots, with the
 *     image of a bootable one
 * @param usedSize bytes that it holds, those of snapshots below among them; what its capacity is
 *     for, so that a bootable one's image does not count
 * @param bootable whether a sandbox may have it as its root
 * @param baseSnapshot what it was made from, as long as that is there
 * @param holder the sandbox that has it now
 * @param deletedAt since when it is deleted; until the grace period is over it can be restored
 */
public record Volume(
    String id,
    String slug,
    String region,
    long capacity,
    long allocatedSize,
    long flattenedSize,
    long usedSize,
    boolean bootable,
    Optional<Origin> baseSnapshot,
    Optional<String> holder,
    Optional<Instant> deletedAt) {

  /**
   * A volume or snapshot that another was made from.
   *
   * @param id its id
   * @param slug its name
   */
  public record Origin(String id, String slug) {}
}
