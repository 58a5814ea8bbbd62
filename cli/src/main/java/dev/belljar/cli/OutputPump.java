package dev.belljar.cli;

import dev.belljar.BelljarException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.Optional;

/** Copies what a program writes, as it comes, on a thread of its own. */
final class OutputPump {
  private static final int BUFFER_BYTES = 64 * 1024;

  private final InputStream from;
  private final OutputStream to;
  private final Runnable onClosed;
  private final Thread thread;
  private volatile long readingSince = System.nanoTime();
  private volatile boolean writing;
  private volatile Optional<IOException> failure = Optional.empty();

  private OutputPump(String name, InputStream from, OutputStream to, Runnable onClosed) {
    this.from = from;
    this.to = to;
    this.onClosed = onClosed;
    thread = Thread.ofPlatform().daemon().name(name).unstarted(this::pump);
  }

  /**
   * Starts copying.
   *
   * @param onClosed done when the output cannot be written
   */
  static OutputPump start(String name, InputStream from, OutputStream to, Runnable onClosed) {
    var pump = new OutputPump(name, from, to, onClosed);
    pump.thread.start();
    return pump;
  }

  /** Waits for the end of the output, at most so long; says whether it came. */
  boolean await(Duration limit) throws InterruptedException {
    return thread.join(limit);
  }

  /** For how long the program has written nothing; nothing where our reader is who is slow. */
  Duration silence() {
    return writing ? Duration.ZERO : Duration.ofNanos(System.nanoTime() - readingSince);
  }

  /** Why the output could not be written. */
  Optional<IOException> failure() {
    return failure;
  }

  private void pump() {
    byte[] buffer = new byte[BUFFER_BYTES];
    int count;
    while ((count = read(buffer)) >= 0) {
      writing = true;
      try {
        to.write(buffer, 0, count);
        to.flush();
      } catch (IOException e) {
        failure = Optional.of(e);
        onClosed.run();
        return;
      }
      readingSince = System.nanoTime();
      writing = false;
    }
  }

  private int read(byte[] buffer) {
    try {
      return from.read(buffer);
    } catch (IOException | BelljarException e) {
      // The sandbox has ended. Whoever waits for the program's status learns why.
      return -1;
    }
  }
}
