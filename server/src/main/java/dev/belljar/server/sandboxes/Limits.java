package dev.belljar.server.sandboxes;

import dev.belljar.EgressLimits;
import java.time.Duration;

/**
 * What an organization may have.
 *
 * @param sandboxes at once; 1 to 10,000, default 5 (Deno's documented limit)
 * @param memoryMib of one sandbox; 768 to 4096, default 4096
 * @param lifetime of a sandbox at its creation and by each extension; default 30 minutes (Deno's
 *     documented limit of an extension), which is also the most that an engine grants at a time
 * @param egress of a sandbox
 */
public record Limits(int sandboxes, int memoryMib, Duration lifetime, EgressLimits egress) {

  /** The defaults. */
  public static final Limits DEFAULT =
      new Limits(5, 4096, Duration.ofMinutes(30), EgressLimits.DEFAULT);

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
    if (!lifetime.isPositive() || lifetime.compareTo(Duration.ofDays(365)) > 0) {
      throw new IllegalArgumentException(
          "lifetime = " + lifetime + " is out of bounds: up to 365 days");
    }
  }
}
