package dev.belljar.cli;

import dev.belljar.engine.Progress;
import java.io.PrintStream;
import java.time.Duration;

/**
 * Shows what long work is at, on standard error: on a terminal one line that is written again and
 * again, elsewhere a plain line for each step. Closing it removes the line.
 */
final class ProgressLine implements Progress, AutoCloseable {
  private static final Duration TICK = Duration.ofMillis(120);
  private static final String SPINNER = "|/-\\";
  private static final String ERASE = "\r\033[K";

  private final StandardStreams streams;
  private final Thread painter;
  private String step = "";
  private long stepBegan;
  private boolean painted;
  private boolean closed;

  /** Shows steps from that time on; before, the work may be over without a word. */
  ProgressLine(StandardStreams streams, Duration patience) {
    this.streams = streams;
    painter = Thread.ofVirtual().name("progress").unstarted(() -> paint(patience));
    if (streams.terminal()) {
      painter.start();
    }
  }

  @Override
  public synchronized void step(String what) {
    step = what;
    stepBegan = System.nanoTime();
    if (!streams.terminal()) {
      streams.say(what);
    }
  }

  @Override
  public synchronized void close() {
    closed = true;
    painter.interrupt();
    if (painted) {
      streams.err().print(ERASE);
      streams.err().flush();
    }
  }

  private void paint(Duration patience) {
    try {
      Thread.sleep(patience);
      for (int tick = 0; paintOnce(tick); tick++) {
        Thread.sleep(TICK);
      }
    } catch (InterruptedException e) {
      // Closed: the line is gone already.
    }
  }

  private synchronized boolean paintOnce(int tick) {
    if (!closed && !step.isEmpty()) {
      long seconds = Duration.ofNanos(System.nanoTime() - stepBegan).toSeconds();
      PrintStream err = streams.err();
      err.print(
          ERASE
              + "belljar: "
              + SPINNER.charAt(tick % SPINNER.length())
              + " "
              + step
              + (seconds < 1 ? "" : " (" + seconds + " s)"));
      err.flush();
      painted = true;
    }
    return !closed;
  }
}
