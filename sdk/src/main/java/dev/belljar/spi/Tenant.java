package dev.belljar.spi;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * Whose volumes and snapshots are meant. One tenant's are never seen by another.
 *
 * @param name the organization of a server; empty for whoever runs this process
 * @param data where they are kept, absolute; empty for the engine's usual place
 * @param limits how much that may be
 * @param grace how long the data of deleted volumes is kept, of all tenants in that place; empty
 *     for as long as it was before, which is 24 hours at first
 */
public record Tenant(
    String name, Optional<Path> data, StorageLimits limits, Optional<Duration> grace) {

  /** Without limits of its own. */
  public Tenant(String name, Optional<Path> data) {
    this(name, data, StorageLimits.NONE, Optional.empty());
  }

  /** Whoever runs this process. */
  public static final Tenant OWN = new Tenant("", Optional.empty());
}
