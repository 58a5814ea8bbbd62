package dev.belljar.server.sandboxes;

import dev.belljar.ByteSize;
import dev.belljar.EgressLimits;
import dev.belljar.spi.StorageLimits;
import java.time.Duration;

/**
 * What an organization may have.
 *
 * @param sandboxes at once; 1 to 10,000, default 5 (Deno's documented limit)
 * @param memoryMib of one sandbox; 768 to 4096, default 4096
 * @param lifetime of a sandbox at its creation and by each extension; default 30 minutes (Deno's
 *     documented limit of an extension), which is also the most that an engine grants at a time
 * @param egress of a sandbox
 * @param storage of all volumes, and how many of them and of snapshots; default 200 GiB and 1,000,
 *     from 300 MB and 1
 */
public record Limits(
    int sandboxes, int memoryMib, Duration lifetime, EgressLimits egress, StorageLimits storage) {

  /** Ten of the largest volumes, or very many small ones. */
  private static final StorageLimits USUAL_STORAGE =
      new StorageLimits(ByteSize.parse("200GiB"), 1000);

  private static final ByteSize SMALLEST_STORAGE = ByteSize.parse("300MB");

  /** The defaults. */
  public static final Limits DEFAULT =
      new Limits(5, 4096, Duration.ofMinutes(30), EgressLimits.DEFAULT);

  /** With the usual storage. */
  public Limits(int sandboxes, int memoryMib, Duration lifetime, EgressLimits egress) {
    this(sandboxes, memoryMib, lifetime, egress, USUAL_STORAGE);
  }

  /** Checks the bounds. */
  public Limits {
    if (sandboxes < 1 || sandboxes > 10_000) {
      throw new IllegalArgumentException(
          "sandboxes = " + sandboxes + " is out of bounds: 1 to 10000");
    }
    if (memoryMib < 768 || memoryMib > 4096) {
      throw new IllegalArgumentException(
          "memory_mib = " + memoryMib + " is out of bounds: 768 to 4096");
    }
    if (storage.capacity().bytes() < SMALLEST_STORAGE.bytes()) {
      throw new IllegalArgumentException(
          "storage = " + storage.capacity() + " is out of bounds: from " + SMALLEST_STORAGE);
    }
    if (storage.disks() < 1 || storage.disks() > 1000) {
      throw new IllegalArgumentException(
          "disks = " + storage.disks() + " is out of bounds: 1 to 1000");
    }
    if (!lifetime.isPositive() || lifetime.compareTo(Duration.ofDays(365)) > 0) {
      throw new IllegalArgumentException(
          "lifetime = " + lifetime + " is out of bounds: up to 365 days");
    }
  }
}
