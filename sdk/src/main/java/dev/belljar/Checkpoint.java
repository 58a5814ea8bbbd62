package dev.belljar;

import java.time.Instant;

/**
 * A sandbox as it was at an instant: its memory, its processes and its disks. Any number of
 * sandboxes can go on from it.
 *
 * @param id {@code chk_}, the three letters of a region ({@code loc} on this host), {@code _} and
 *     20 characters
 * @param slug its name among the volumes, snapshots and checkpoints of its owner
 * @param region where it is; {@code loc} on this host
 * @param memory bytes of memory of each sandbox that goes on from it
 * @param vcpus virtual processors of each
 * @param allocatedSize bytes on the host that are its own: memory that was in use, and what its
 *     disks hold beyond volumes, snapshots and the image
 * @param sandbox the id of the sandbox that it was made of
 * @param createdAt the instant
 */
public record Checkpoint(
    String id,
    String slug,
    String region,
    long memory,
    int vcpus,
    long allocatedSize,
    String sandbox,
    Instant createdAt) {}
