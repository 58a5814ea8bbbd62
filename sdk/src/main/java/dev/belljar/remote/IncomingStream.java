package dev.belljar.remote;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Objects;
import java.util.concurrent.locks.Condition;
import org.jspecify.annotations.Nullable;

/**
 * A stream of bytes from the server. Its state is guarded by the lock of all of them, because what
 * one holds decides about the others.
 */
final class IncomingStream extends InputStream {
  private static final byte[] NOTHING = {};

  final long id;
  boolean started;
  boolean claimed;
  boolean closed;
  private final IncomingStreams streams;
  private final Condition changed;
  private final Deque<byte[]> chunks = new ArrayDeque<>();
  private int position;
  private long held;
  private boolean ended;
  private @Nullable IOException failure;

  IncomingStream(IncomingStreams streams, long id) {
    this.streams = streams;
    this.id = id;
    changed = streams.lock.newCondition();
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] buffer, int offset, int length) throws IOException {
    Objects.checkFromIndexSize(offset, length, buffer.length);
    if (length == 0) {
      return 0;
    }
    int copied = 0;
    streams.lock.lock();
    try {
      if (!await()) {
        return -1;
      }
      while (copied < length && !chunks.isEmpty()) {
        byte[] chunk = chunks.getFirst();
        int part = Math.min(length - copied, chunk.length - position);
        System.arraycopy(chunk, position, buffer, offset + copied, part);
        copied += part;
        position += part;
        if (position == chunk.length) {
          chunks.removeFirst();
          position = 0;
        }
      }
      hold(held - copied);
    } finally {
      streams.lock.unlock();
    }
    streams.reconsider();
    return copied;
  }

  /** The bytes of one message, as the server cut them; empty at the end. */
  byte[] readChunk() throws IOException {
    byte[] chunk;
    streams.lock.lock();
    try {
      if (!await()) {
        return NOTHING;
      }
      chunk = chunks.removeFirst();
      hold(held - chunk.length);
    } finally {
      streams.lock.unlock();
    }
    streams.reconsider();
    return chunk;
  }

  @Override
  public int available() {
    streams.lock.lock();
    try {
      return (int) Math.min(held, Integer.MAX_VALUE);
    } finally {
      streams.lock.unlock();
    }
  }

  /** Wants no more of it, and tells the server so. */
  @Override
  public void close() {
    streams.lock.lock();
    try {
      if (!closed) {
        closed = true;
        chunks.clear();
        hold(0);
        streams.closed(this);
        changed.signalAll();
      }
    } finally {
      streams.lock.unlock();
    }
    streams.reconsider();
  }

  /** Called locked, like all below. */
  void add(byte[] bytes) {
    if (!over() && !closed && bytes.length > 0) {
      chunks.addLast(bytes);
      hold(held + bytes.length);
      changed.signalAll();
    }
  }

  void end() {
    ended = true;
    changed.signalAll();
  }

  void fail(IOException reason) {
    if (!over()) {
      failure = reason;
      changed.signalAll();
    }
  }

  boolean over() {
    return ended || failure != null;
  }

  private void hold(long bytes) {
    streams.changed(held, bytes);
    held = bytes;
  }

  /** Whether there is something to read, waiting for it where necessary; false is the end. */
  private boolean await() throws IOException {
    if (chunks.isEmpty() && !over() && !closed) {
      // Whoever waits needs messages, which may be asked for by the lock's other holders only.
      streams.lock.unlock();
      try {
        streams.beginWait();
      } finally {
        streams.lock.lock();
      }
      try {
        while (chunks.isEmpty() && !over() && !closed) {
          changed.await();
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        InterruptedIOException interrupted =
            new InterruptedIOException("Interrupted while waiting for the sandbox.");
        interrupted.initCause(e);
        throw interrupted;
      } finally {
        streams.lock.unlock();
        try {
          streams.endWait();
        } finally {
          streams.lock.lock();
        }
      }
    }
    if (closed) {
      throw new IOException("The stream is closed.");
    }
    if (chunks.isEmpty() && failure != null) {
      throw new IOException(failure.getMessage(), failure);
    }
    return !chunks.isEmpty();
  }
}
