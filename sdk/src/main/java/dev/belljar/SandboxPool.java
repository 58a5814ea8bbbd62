package dev.belljar;

import dev.belljar.spi.SandboxProvider;
import java.time.Duration;
import java.util.Optional;
import java.util.ServiceLoader;

/**
 * Machines of this host that wait ready, so that {@link Sandbox#create} need not start one. While a
 * pool is open, sandboxes of this process that boot from the image, without volumes, and have one
 * of its sizes are made of them, and others as ever; a machine is used once. What makes a machine
 * one of its own (entropy, clock, names, policy, secrets) comes when it is taken, as without a
 * pool.
 *
 * <p>Machines are made in the background, one after the other and after those that sandboxes wait
 * for, and given up while the host's memory is short.
 */
public interface SandboxPool extends AutoCloseable {

  /**
   * Opens a pool and returns at once; machines come as time allows. A process has one at a time.
   *
   * @throws SandboxUnavailableException where this host makes no sandboxes; the message says why
   * @throws IllegalStateException where one is open
   */
  static SandboxPool open(PoolOptions options) {
    SandboxOptions here = SandboxOptions.builder().local().build();
    return ServiceLoader.load(SandboxProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .filter(provider -> provider.serves(here))
        .map(provider -> provider.openPool(options))
        .flatMap(Optional::stream)
        .findFirst()
        .orElseThrow(
            () ->
                new SandboxUnavailableException(
                    "There is no engine for sandboxes of this host on the class path. Add"
                        + " dev.belljar:belljar-engine as a dependency."));
  }

  /**
   * What the pool has and did.
   *
   * @param waiting machines that are ready
   * @param taken how many became sandboxes
   * @param missed how many sandboxes of its sizes found none ready
   * @param discarded how many were given up: waited too long, ended, or memory was short
   */
  record Status(int waiting, long taken, long missed, long discarded) {}

  /** As it is now; does not block. */
  Status status();

  /**
   * Blocks until as many machines of each size wait as are to wait when nothing happens, with Deno
   * in them where it is to be.
   *
   * @return whether it came to that within the time
   */
  boolean awaitReady(Duration limit) throws InterruptedException;

  /** Ends all machines that wait; blocks until they are gone. Sandboxes go on. Idempotent. */
  @Override
  void close();
}
