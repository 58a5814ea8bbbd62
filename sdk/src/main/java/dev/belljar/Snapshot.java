package dev.belljar;

/**
 * A disk as a volume was at an instant; it never changes. Any number of sandboxes may have it as
 * their root at once, what they write being theirs and gone with them.
 *
 * @param id {@code snp_}, the three letters of a region ({@code loc} on this host), {@code _} and
 *     20 characters
 * @param slug its name among the volumes and snapshots of its owner
 * @param region where it is; {@code loc} on this host
 * @param capacity bytes that its file system may take
 * @param allocatedSize bytes on the host that are its own, without those of a snapshot below
 * @param flattenedSize bytes that it would take without sharing anything with other snapshots
 * @param bootable whether a sandbox may have it as its root
 * @param volume what it was made of
 */
public record Snapshot(
    String id,
    String slug,
    String region,
    long capacity,
    long allocatedSize,
    long flattenedSize,
    boolean bootable,
    Volume.Origin volume) {}
