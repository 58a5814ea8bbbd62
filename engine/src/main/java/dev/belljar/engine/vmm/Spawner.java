package dev.belljar.engine.vmm;

import java.io.IOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * The one thread that starts machines. A jail dies with the <em>thread</em> that started it
 * (PR_SET_PDEATHSIG), so that thread must live exactly as long as this process.
 */
final class Spawner {
  private static final ExecutorService THREAD =
      Executors.newSingleThreadExecutor(
          Thread.ofPlatform().daemon().name("belljar-spawner").factory());

  private Spawner() {}

  /**
   * Starts it. An interrupt does not end this wait of milliseconds, but the caller's next: a
   * process that is started while nobody waits for it any more would have no owner.
   */
  static Process start(ProcessBuilder builder) throws IOException {
    Future<Process> started = THREAD.submit(builder::start);
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return started.get();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } catch (ExecutionException e) {
      throw new MachineException(
          "Cannot start " + builder.command().getFirst() + ": " + e.getMessage(), e);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
