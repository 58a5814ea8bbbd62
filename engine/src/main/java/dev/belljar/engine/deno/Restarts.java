package dev.belljar.engine.deno;

import dev.belljar.BelljarException;
import dev.belljar.ChildProcess;
import dev.belljar.engine.streams.ReadAhead;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import java.util.regex.Pattern;

/**
 * Hears Deno say, among what a watched program prints, that it starts it again. The program itself
 * can say the same; nothing depends on it being true.
 */
final class Restarts {
  private static final Pattern COLOURS = Pattern.compile("\u001b(?:\\[[0-9;?]*[A-Za-z]|c)");
  private static final int LONGEST_LINE = 512;

  /** A program that makes them up faster than they are heard is not heard out. */
  private static final int MOST_UNHEARD = 100;

  private static final int MOST_UNREAD = 256 << 10;
  private final List<ReadAhead> streams = new CopyOnWriteArrayList<>();
  private final List<Runnable> listeners = new CopyOnWriteArrayList<>();
  private final Semaphore unheard = new Semaphore(0);
  private volatile boolean ended;

  Restarts(ChildProcess process) {
    Thread teller =
        Thread.ofVirtual().name("restarts of " + process.pid()).start(this::tellUntilInterrupted);
    Thread.ofVirtual()
        .name("end of " + process.pid())
        .start(
            () -> {
              try {
                process.status();
              } catch (BelljarException e) {
                // The sandbox has ended, and the process with it.
              }
              teller.interrupt();
              ended = true;
              streams.forEach(ReadAhead::stop);
            });
  }

  void tell(Runnable listener) {
    listeners.add(listener);
  }

  /** The same stream; what comes on it is heard, whether somebody reads it yet or not. */
  InputStream in(InputStream stream) {
    ReadAhead ahead = new ReadAhead(new Listening(stream), MOST_UNREAD);
    streams.add(ahead);
    ahead.start("listening");
    if (ended) {
      ahead.stop();
    }
    return ahead;
  }

  private void tellUntilInterrupted() {
    try {
      while (true) {
        unheard.acquire();
        for (Runnable listener : listeners) {
          Thread.ofVirtual().name("restart").start(listener).join();
        }
      }
    } catch (InterruptedException e) {
      // The program has ended.
    }
  }

  private void hear(String line) {
    String plain = COLOURS.matcher(line).replaceAll("");
    if (plain.startsWith("Watcher ")
        && plain.contains("Restarting!")
        && unheard.availablePermits() < MOST_UNHEARD) {
      unheard.release();
    }
  }

  private final class Listening extends FilterInputStream {
    private final StringBuilder line = new StringBuilder();

    Listening(InputStream stream) {
      super(stream);
    }

    @Override
    public int read() throws IOException {
      int next = super.read();
      if (next >= 0) {
        hear(next);
      }
      return next;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
      int count = super.read(target, offset, length);
      for (int i = 0; i < count; i++) {
        hear(target[offset + i]);
      }
      return count;
    }

    private void hear(int next) {
      if (next == '\n') {
        Restarts.this.hear(line.toString());
        line.setLength(0);
      } else if (line.length() < LONGEST_LINE) {
        line.append((char) (next & 0xff));
      }
    }
  }
}
