package dev.belljar.engine.agent;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * What waits to be written to the channel, at most {@link #CAPACITY} bytes. Callers never write to
 * the channel themselves: a thread that is interrupted while it does closes it, and with it the
 * sandbox.
 */
final class OutgoingBytes {
  private static final int CAPACITY = 128 << 10;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition room = lock.newCondition();
  private final Condition something = lock.newCondition();
  private ByteBuffer filling = ByteBuffer.allocateDirect(CAPACITY);
  private ByteBuffer draining = ByteBuffer.allocateDirect(CAPACITY);
  private byte @Nullable [] ahead;
  private boolean held;
  private boolean closed;

  /**
   * Adds bytes; blocks while there is no room, whether interrupted or not: half a frame cannot be
   * left.
   */
  void put(byte[] source, int offset, int length) throws IOException {
    lock.lock();
    try {
      int done = 0;
      while (done < length) {
        while (!filling.hasRemaining() && !closed) {
          room.awaitUninterruptibly();
        }
        if (closed) {
          throw new IOException("The connection to the machine is closed.");
        }
        int part = Math.min(length - done, filling.remaining());
        filling.put(source, offset + done, part);
        done += part;
        something.signal();
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Blocks until all there is has been taken, and gives nothing more out until {@link #release}.
   * Nobody may put anything meanwhile.
   *
   * @param nanos how long that may take
   */
  void hold(long nanos) throws IOException {
    lock.lock();
    try {
      long left = nanos;
      while (filling.position() > 0 && !closed) {
        if (left <= 0) {
          throw new IOException("The guest does not read what it is sent.");
        }
        left = room.awaitNanos(left);
      }
      if (closed) {
        throw new IOException("The connection to the machine is closed.");
      }
      held = true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("Interrupted while waiting for the sandbox.");
    } finally {
      lock.unlock();
    }
  }

  /** Gives out again, these bytes first: what is waiting may wait for what they bring about. */
  void release(byte[] first) {
    lock.lock();
    try {
      ahead = first;
      held = false;
      something.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits for bytes and gives all there are, to be used up before the next call; null when closed.
   */
  @Nullable ByteBuffer take() {
    lock.lock();
    try {
      while ((filling.position() == 0 || held) && ahead == null && !closed) {
        something.awaitUninterruptibly();
      }
      if (closed) {
        return null;
      }
      if (ahead != null) {
        ByteBuffer first = ByteBuffer.wrap(ahead);
        ahead = null;
        return first;
      }
      ByteBuffer full = filling;
      filling = draining.clear();
      draining = full;
      room.signalAll();
      return full.flip();
    } finally {
      lock.unlock();
    }
  }

  /** Ends all waiting; what was not taken is lost. */
  void close() {
    lock.lock();
    try {
      closed = true;
      room.signalAll();
      something.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
