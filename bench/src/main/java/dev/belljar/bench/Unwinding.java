package dev.belljar.bench;

import java.util.concurrent.TimeUnit;

/**
 * Makes Ctrl-C end the main thread the ordinary way, by an interrupt, so that everything it has
 * opened is closed by whoever opened it before the JVM is gone.
 */
final class Unwinding implements AutoCloseable {
  private static final long LIMIT_SECONDS = 15;

  private final Thread hook;
  private volatile boolean ending;

  private Unwinding(Thread main) {
    hook =
        new Thread(
            () -> {
              ending = true;
              main.interrupt();
              try {
                main.join(TimeUnit.SECONDS.toMillis(LIMIT_SECONDS));
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            },
            "bench-end");
  }

  /** Of the current thread. */
  static Unwinding begin() {
    Unwinding unwinding = new Unwinding(Thread.currentThread());
    Runtime.getRuntime().addShutdownHook(unwinding.hook);
    return unwinding;
  }

  /** Whether the JVM is ending. */
  boolean isEnding() {
    return ending;
  }

  /** Lets the JVM end without it. */
  @Override
  public void close() {
    if (!ending) {
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException e) {
        // It has just begun to end: the hook runs, and finds the thread at its end.
      }
    }
  }
}
