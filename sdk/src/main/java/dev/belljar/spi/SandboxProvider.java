package dev.belljar.spi;

import dev.belljar.PoolOptions;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.SandboxPool;
import dev.belljar.Storage;
import java.util.Optional;

/** An engine that makes sandboxes; found with {@link java.util.ServiceLoader}. */
public interface SandboxProvider {

  /** A short name for messages, for example {@code local}. */
  String name();

  /** Whether sandboxes of those options are this engine's: on this host, or on a server. */
  boolean serves(SandboxOptions options);

  /**
   * Makes a sandbox and blocks until it answers.
   *
   * @throws dev.belljar.SandboxUnavailableException where this host cannot make one; the message
   *     says what mends it
   * @throws dev.belljar.InvalidOptionException where an option is out of its bounds
   */
  Sandbox create(SandboxOptions options);

  /**
   * As {@link #create(SandboxOptions)}, with volumes and snapshots of that tenant. An engine
   * without storage takes no notice of it.
   */
  default Sandbox create(SandboxOptions options, Tenant tenant) {
    return create(options);
  }

  /** The volumes and snapshots of a tenant; empty where this engine has none on this host. */
  default Optional<Storage> storage(Tenant tenant) {
    return Optional.empty();
  }

  /**
   * Keeps machines ready from now on; empty where this engine has none on this host.
   *
   * @throws IllegalStateException where it does already
   */
  default Optional<SandboxPool> openPool(PoolOptions options) {
    return Optional.empty();
  }
}
