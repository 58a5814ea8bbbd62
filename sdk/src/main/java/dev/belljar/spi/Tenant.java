package dev.belljar.spi;

import java.nio.file.Path;
import java.util.Optional;

/**
 * Whose volumes and snapshots are meant. One tenant's are never seen by another.
 *
 * @param name the organization of a server; empty for whoever runs this process
 * @param data where they are kept, absolute; empty for the engine's usual place
 */
public record Tenant(String name, Optional<Path> data) {

  /** Whoever runs this process. */
  public static final Tenant OWN = new Tenant("", Optional.empty());
}
