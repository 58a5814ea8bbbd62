package dev.belljar;

import java.io.InputStream;
import java.io.OutputStream;
import java.util.concurrent.CompletableFuture;

/** A process in a sandbox. Closing it kills it and its descendants, and releases its streams. */
public interface ChildProcess extends AutoCloseable {

  /** Its number in the sandbox. */
  int pid();

  /**
   * What it reads. Writing blocks while the process does not read, and throws {@link
   * java.io.IOException} when it has ended or closed its input; closing it is the end of its input.
   *
   * @throws IllegalStateException where stdin is not piped
   */
  OutputStream stdin();

  /**
   * What it writes. A reader that stops reading stops the process that writes.
   *
   * @throws IllegalStateException where stdout is not piped
   */
  InputStream stdout();

  /**
   * What it writes to standard error.
   *
   * @throws IllegalStateException where stderr is not piped
   */
  InputStream stderr();

  /**
   * Blocks until it has ended.
   *
   * @throws SandboxClosedException where the sandbox ended before it
   */
  ChildProcessStatus status();

  /** Completes when it has ended, or exceptionally with {@link SandboxClosedException}. */
  CompletableFuture<ChildProcessStatus> statusFuture();

  /**
   * Blocks until it has ended and its piped streams are at their end, and gives all of it. Holds at
   * most 256 MiB of each stream, and no more than a sixteenth of the heap.
   *
   * @throws SandboxClosedException where the sandbox ended before it
   * @throws OutputTooLargeException where it printed more; it is killed then
   */
  ChildProcessOutput output();

  /** Sends {@link Signal#SIGTERM}. */
  default void kill() {
    kill(Signal.SIGTERM);
  }

  /**
   * Sends a signal to the process.
   *
   * @throws ProcessEndedException where it has ended
   */
  void kill(Signal signal);

  /**
   * Changes the size of its terminal.
   *
   * @throws IllegalStateException where it has none
   */
  void resize(int rows, int columns);

  /**
   * Kills it, if it still runs, with everything it started and left running, and releases its
   * streams. Interrupts do not keep it from that. Idempotent.
   */
  @Override
  void close();
}
