package dev.belljar.server.rpc;

import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The streams that a client sends. The protocol has no flow control, so what nobody reads yet is
 * held here, within bounds; {@link #full} says that the socket must not be read on.
 *
 * <p>A stream may be named by a call before it starts or after. It is forgotten when it has ended
 * and was read, but for its number: clients number upwards, and a call that names it again would
 * wait for nothing.
 */
final class IncomingStreams {
  /** Streams that are started or asked for, and not yet over. */
  static final int MOST_STREAMS = 1024;

  /** Bytes held for one stream before the socket is no longer read. */
  static final int STREAM_LIMIT = 16 << 20;

  /** Bytes held for all of them before the socket is no longer read. */
  static final int SOCKET_LIMIT = 64 << 20;

  /** Bytes held for a socket before it is no longer read while memory is scarce. */
  static final int SCARCE_LIMIT = 1 << 20;

  /** Numbers of streams that are over, kept to refuse them; the oldest give way. */
  private static final int MOST_OVER = 4096;

  /** What a part costs beside its bytes, so that many small ones are not free. */
  private static final int PART_COST = 64;

  private final Map<Long, Stream> streams = new HashMap<>();
  private final LinkedHashSet<Long> over = new LinkedHashSet<>();
  private final HeapBudget budget;
  private final Duration patience;
  private final BiConsumer<Long, String> cancel;
  private final Runnable drained;
  private long held;
  private int fullStreams;
  private long consumed;
  private boolean closed;

  /**
   * Streams of a socket.
   *
   * @param budget what is held is taken from it
   * @param patience how long a call waits for a stream to start
   * @param cancel tells the client that nobody wants a stream any more, and why
   * @param drained called when {@link #full} may have become false
   */
  IncomingStreams(
      HeapBudget budget, Duration patience, BiConsumer<Long, String> cancel, Runnable drained) {
    this.budget = budget;
    this.patience = patience;
    this.cancel = cancel;
    this.drained = drained;
  }

  synchronized boolean full() {
    return held >= SOCKET_LIMIT || fullStreams > 0 || (held >= SCARCE_LIMIT && budget.scarce());
  }

  /** Streams that are started or asked for, and not yet over. */
  synchronized int open() {
    return streams.size();
  }

  /** Bytes that are held. */
  synchronized long held() {
    return held;
  }

  /** Bytes that were read so far; stands still where nobody reads. */
  synchronized long consumed() {
    return consumed;
  }

  /** The client starts a stream; again, or one too many: nothing happens. */
  void start(long id) {
    synchronized (this) {
      Stream named = streams.get(id);
      if (named != null) {
        named.started = true;
      }
      if (closed || named != null || over.contains(id)) {
        return;
      }
      if (streams.size() < MOST_STREAMS) {
        Stream stream = new Stream(id);
        stream.started = true;
        streams.put(id, stream);
        return;
      }
    }
    cancel.accept(id, "At most " + MOST_STREAMS + " streams may be open on a socket.");
  }

  /** Bytes of a stream; dropped where it was never started or is no longer wanted. */
  void enqueue(long id, byte[] bytes) {
    String reason = "The server has no memory left for this stream.";
    synchronized (this) {
      Stream stream = streams.get(id);
      if (stream == null || stream.over || bytes.length == 0) {
        return;
      }
      stream.started = true;
      long cost = (long) bytes.length + PART_COST;
      if (budget.tryTake(cost)) {
        stream.chunks.add(bytes);
        hold(stream, cost);
        notifyAll();
        return;
      }
      stream.failure = reason;
      stream.over = true;
      drop(stream);
      notifyAll();
    }
    cancel.accept(id, reason);
  }

  private void hold(Stream stream, long bytes) {
    boolean before = stream.held >= STREAM_LIMIT;
    stream.held += bytes;
    held += bytes;
    boolean after = stream.held >= STREAM_LIMIT;
    fullStreams += (after ? 1 : 0) - (before ? 1 : 0);
  }

  private void release(Stream stream, long bytes) {
    hold(stream, -bytes);
    budget.give(bytes);
  }

  synchronized void end(long id) {
    finish(id, null);
  }

  synchronized void fail(long id, String reason) {
    finish(id, reason);
  }

  /**
   * What a call reads; empty where another call reads it already, it is over, or there are too
   * many.
   *
   * @param forLong whether it may start whenever the client likes; if not, reading fails where it
   *     does not start in time
   */
  synchronized Optional<InputStream> claim(long id, boolean forLong) {
    Stream stream = streams.get(id);
    if (stream == null) {
      if (closed || streams.size() >= MOST_STREAMS || over.contains(id)) {
        return Optional.empty();
      }
      stream = new Stream(id);
      streams.put(id, stream);
    }
    if (stream.claimed) {
      return Optional.empty();
    }
    stream.claimed = true;
    stream.started |= forLong;
    return Optional.of(stream);
  }

  /** Gives up the stream that most is held for: nobody reads it. */
  void giveUpLargest(String reason) {
    Optional<Stream> largest;
    synchronized (this) {
      largest = streams.values().stream().max(Comparator.comparingLong(stream -> stream.held));
      largest.ifPresent(
          stream -> {
            stream.failure = reason;
            stream.over = true;
            drop(stream);
            notifyAll();
          });
    }
    largest.ifPresent(stream -> cancel.accept(stream.id, reason));
    drained.run();
  }

  /** The socket is gone: who reads finds out. */
  synchronized void close() {
    closed = true;
    for (Stream stream : streams.values()) {
      if (!stream.over) {
        stream.over = true;
        stream.failure = "The client is gone.";
      }
      if (!stream.claimed) {
        stream.chunks.clear();
      }
      // What is still read is no longer counted: it ends with its reader.
      release(stream, stream.held);
    }
    streams.clear();
    notifyAll();
  }

  private void finish(long id, @Nullable String failure) {
    Stream stream = streams.get(id);
    if (stream != null && !stream.over) {
      stream.over = true;
      stream.failure = failure;
      if (stream.claimed && stream.chunks.isEmpty()) {
        forget(stream);
      }
      notifyAll();
    }
  }

  private void forget(Stream stream) {
    if (streams.remove(stream.id, stream)) {
      over.add(stream.id);
      if (over.size() > MOST_OVER) {
        over.removeFirst();
      }
    }
  }

  private void drop(Stream stream) {
    forget(stream);
    release(stream, stream.held);
    stream.chunks.clear();
  }

  /** Reads one stream; guarded by the streams of the socket. */
  private final class Stream extends InputStream {
    private final long id;
    private final ArrayDeque<byte[]> chunks = new ArrayDeque<>();
    private int offset;
    private long held;
    private long deadline;
    private boolean claimed;
    private boolean started;
    private boolean over;
    private @Nullable String failure;

    Stream(long id) {
      this.id = id;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] target, int start, int length) throws IOException {
      if (length == 0) {
        return 0;
      }
      int copied = 0;
      long released = 0;
      synchronized (IncomingStreams.this) {
        while (chunks.isEmpty()) {
          if (failure != null) {
            throw new IOException(failure);
          }
          if (over) {
            forget(this);
            return -1;
          }
          try {
            await();
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new java.io.InterruptedIOException("Interrupted while waiting for the client.");
          }
        }
        while (copied < length && !chunks.isEmpty()) {
          byte[] head = chunks.element();
          int part = Math.min(head.length - offset, length - copied);
          System.arraycopy(head, offset, target, start + copied, part);
          copied += part;
          offset += part;
          if (offset == head.length) {
            chunks.remove();
            offset = 0;
            released += head.length + PART_COST;
          }
        }
        release(this, Math.min(released, held));
        consumed += copied;
        if (over && chunks.isEmpty()) {
          forget(this);
        }
      }
      drained.run();
      return copied;
    }

    /** Waits for a change; gives the stream up where it does not start in time. */
    private void await() throws InterruptedException {
      if (started) {
        IncomingStreams.this.wait();
        return;
      }
      long now = System.nanoTime();
      // While the socket is not read, the stream cannot start.
      if (deadline == 0 || full()) {
        deadline = now + patience.toNanos();
      }
      long left = deadline - now;
      if (left <= 0) {
        failure =
            "The client did not start stream " + id + " within " + patience.toSeconds() + " s.";
        return;
      }
      IncomingStreams.this.wait(left / 1_000_000 + 1);
    }

    /** No longer wanted: the client is told, unless it had said all. */
    @Override
    public void close() {
      boolean wanted;
      synchronized (IncomingStreams.this) {
        wanted = !over;
        over = true;
        drop(this);
      }
      if (wanted) {
        cancel.accept(id, "The stream is no longer read.");
      }
      drained.run();
    }
  }
}
