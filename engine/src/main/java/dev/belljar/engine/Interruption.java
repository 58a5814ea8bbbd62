package dev.belljar.engine;

import java.io.InterruptedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileLockInterruptionException;

/** The interrupt of a thread, in the forms that it comes in. */
final class Interruption {
  private Interruption() {}

  /** Whether this failure, or what it is due to, is one. */
  static boolean causes(Throwable failure) {
    for (Throwable at = failure; at != null; at = at.getCause()) {
      if (at instanceof InterruptedException
          || (at instanceof InterruptedIOException
              && !(at instanceof java.net.SocketTimeoutException))
          || at instanceof ClosedByInterruptException
          || at instanceof FileLockInterruptionException) {
        return true;
      }
    }
    return false;
  }

  /**
   * Does what must be done whether the thread is interrupted or not; a wait in it does not see the
   * interrupt, which is there again afterwards.
   */
  static void postpone(Runnable action) {
    boolean interrupted = Thread.interrupted();
    try {
      action.run();
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
