package dev.belljar.engine.streams;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Reads a stream before somebody wants it, so that what it says is seen at once; up to a bound, for
 * what nobody reads must stop whoever writes. What is available here can be read without waiting.
 */
public final class ReadAhead extends InputStream {
  private final InputStream source;
  private final byte[] held;
  private int from;
  private int count;
  private boolean ahead = true;
  private boolean stopped;
  private @Nullable IOException failure;

  /**
   * Takes ownership of the stream, and reads it until its end or {@link #stop}.
   *
   * @param most how many bytes are held at once
   */
  public ReadAhead(InputStream source, int most) {
    this.source = source;
    held = new byte[most];
  }

  /** Begins; to be called once. */
  public void start(String name) {
    Thread.ofVirtual().name(name).start(this::readOn);
  }

  /** From now on, what is not here yet is read when somebody wants it. */
  public synchronized void stop() {
    stopped = true;
    notifyAll();
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] target, int offset, int length) throws IOException {
    Objects.checkFromIndexSize(offset, length, target.length);
    synchronized (this) {
      while (count == 0 && ahead) {
        try {
          wait();
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          throw new InterruptedIOException("Interrupted while waiting for output.");
        }
      }
      if (count > 0) {
        int part = Math.min(length, Math.min(count, held.length - from));
        System.arraycopy(held, from, target, offset, part);
        from = (from + part) % held.length;
        count -= part;
        notifyAll();
        return part;
      }
    }
    IOException failed = failure();
    if (failed != null) {
      throw failed;
    }
    // Its end, or what came since nothing was read ahead.
    return source.read(target, offset, length);
  }

  /**
   * Waits that long until something can be read without waiting, or the stream has ended.
   *
   * @return whether it can, or has
   */
  public synchronized boolean await(long nanos) throws InterruptedIOException {
    long deadline = System.nanoTime() + nanos;
    long left = nanos;
    while (count == 0 && ahead && left > 0) {
      try {
        TimeUnit.NANOSECONDS.timedWait(this, left);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("Interrupted while waiting for output.");
      }
      left = deadline - System.nanoTime();
    }
    return count > 0 || !ahead;
  }

  private synchronized @Nullable IOException failure() {
    return failure;
  }

  @Override
  public synchronized int available() throws IOException {
    return ahead ? count : count + source.available();
  }

  @Override
  public void close() throws IOException {
    stop();
    source.close();
  }

  private void readOn() {
    try {
      int read = 0;
      while (read >= 0) {
        int to;
        int room;
        synchronized (this) {
          while (count == held.length && !stopped) {
            wait();
          }
          if (stopped) {
            return;
          }
          to = (from + count) % held.length;
          room = Math.min(held.length - count, held.length - to);
        }
        read = source.read(held, to, room);
        synchronized (this) {
          count += Math.max(read, 0);
          notifyAll();
        }
      }
    } catch (IOException e) {
      synchronized (this) {
        failure = e;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      synchronized (this) {
        ahead = false;
        notifyAll();
      }
    }
  }
}
