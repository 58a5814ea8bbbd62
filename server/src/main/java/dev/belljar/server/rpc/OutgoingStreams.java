package dev.belljar.server.rpc;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The streams that a client is sent. Each is read by a thread of its own, which waits for the
 * socket: a client that does not read stops the process that writes.
 */
final class OutgoingStreams {
  private static final Logger LOG = LoggerFactory.getLogger(OutgoingStreams.class);

  /**
   * One numbering for all sockets of this server: the official JavaScript client keeps the streams
   * of all its sandboxes in one table.
   */
  private static final AtomicLong NEXT_ID = new AtomicLong();

  /** Streams of one socket that are not over; a sandbox has 1024 processes of two streams each. */
  static final int MOST_STREAMS = 4096;

  private static final int SMALLEST_CHUNK = 4 << 10;
  private static final int LARGEST_CHUNK = 64 << 10;
  private static final byte[] AFTER = "\"}}".getBytes(StandardCharsets.US_ASCII);

  private final Outbox outbox;
  private final AtomicLong bytes;
  private final Map<Long, Source> sources = new ConcurrentHashMap<>();
  private volatile boolean closed;

  OutgoingStreams(Outbox outbox, AtomicLong bytes) {
    this.outbox = outbox;
    this.bytes = bytes;
  }

  /** Gives chunks, each of which is one message; null is the end. */
  interface Chunks extends AutoCloseable {
    /** The next, valid until another is asked for. It has an array. */
    @Nullable ByteBuffer next() throws IOException;

    @Override
    void close();
  }

  /**
   * Sends bytes until their end.
   *
   * @param outlives whether the source is read on, into nothing, when the client is gone: a process
   *     must not end because nobody listens
   * @return the number of the stream
   */
  long send(InputStream bytes, boolean outlives) {
    return send(bytes, outlives, OptionalLong.empty());
  }

  /**
   * As above.
   *
   * @param abortId what aborts the stream as well as the call that it came of
   */
  long send(InputStream bytes, boolean outlives, OptionalLong abortId) {
    return send(
        new Chunks() {
          // Most streams are idle: they hold little until there is much to read.
          private byte[] buffer = new byte[SMALLEST_CHUNK];

          @Override
          public @Nullable ByteBuffer next() throws IOException {
            int length = bytes.read(buffer);
            if (length < 0) {
              return null;
            }
            ByteBuffer chunk = ByteBuffer.wrap(buffer, 0, length);
            if (length == buffer.length && length < LARGEST_CHUNK) {
              buffer = new byte[buffer.length * 2];
            }
            return chunk;
          }

          @Override
          public void close() {
            try {
              bytes.close();
            } catch (IOException e) {
              LOG.debug("A source did not close", e);
            }
          }
        },
        outlives,
        abortId);
  }

  long send(Chunks chunks, boolean outlives) {
    return send(chunks, outlives, OptionalLong.empty());
  }

  private long send(Chunks chunks, boolean outlives, OptionalLong abortId) {
    long id = NEXT_ID.getAndIncrement();
    Source source = new Source(id, chunks, outlives, abortId);
    sources.put(id, source);
    Thread.ofVirtual().name("stream " + id).start(source);
    if (closed) {
      source.clientGone();
    }
    return id;
  }

  /** Whether another stream may begin. */
  boolean full() {
    return sources.size() >= MOST_STREAMS;
  }

  /** Streams that are not over. */
  int open() {
    return sources.size();
  }

  /** The client wants no more of it. */
  void cancel(long id) {
    Source source = sources.get(id);
    if (source != null) {
      source.cancel();
    }
  }

  /** Breaks off the streams of that abort id; the client is told so. */
  void abort(long abortId) {
    OptionalLong carried = OptionalLong.of(abortId);
    sources.values().stream()
        .filter(source -> source.abortId.equals(carried))
        .forEach(Source::abort);
  }

  /** The socket is gone. */
  void close() {
    closed = true;
    sources.values().forEach(Source::clientGone);
  }

  private final class Source implements Runnable {
    private final long id;
    private final Chunks chunks;
    private final boolean outlives;
    private final OptionalLong abortId;

    /** What stands before the data of each chunk. */
    private final byte[] before;

    private volatile boolean cancelled;
    private volatile boolean aborted;
    private volatile boolean mute;

    Source(long id, Chunks chunks, boolean outlives, OptionalLong abortId) {
      this.id = id;
      this.chunks = chunks;
      this.outlives = outlives;
      this.abortId = abortId;
      before =
          ("{\"jsonrpc\":\"2.0\",\"method\":\"$sandbox.stream.enqueue\",\"params\":{\"streamId\":"
                  + id
                  + ",\"data\":\"")
              .getBytes(StandardCharsets.US_ASCII);
    }

    void abort() {
      aborted = true;
      chunks.close();
    }

    void cancel() {
      cancelled = true;
      chunks.close();
    }

    void clientGone() {
      mute = true;
      if (!outlives) {
        cancel();
      }
    }

    @Override
    public void run() {
      try (chunks) {
        tell("$sandbox.stream.start", "");
        ByteBuffer chunk;
        while ((chunk = chunks.next()) != null) {
          if (!mute && !cancelled && !aborted) {
            enqueue(chunk);
          }
        }
        if (aborted) {
          failed(WireError.aborted());
        } else {
          tell("$sandbox.stream.end", "");
        }
      } catch (IOException | RuntimeException e) {
        LOG.debug("Stream {} broke off", id, e);
        failed(aborted ? WireError.aborted() : WireError.of(e));
      } finally {
        sources.remove(id);
      }
    }

    private void failed(WireError error) {
      tell("$sandbox.stream.error", ",\"error\":" + error.toJson());
    }

    /** Base64 is made as the bytes that are sent, not as a string first. */
    private void enqueue(ByteBuffer chunk) {
      int length = chunk.remaining();
      ByteBuffer data = Base64.getEncoder().encode(chunk);
      ByteBuffer message = ByteBuffer.allocate(before.length + data.remaining() + AFTER.length);
      message.put(before).put(data).put(AFTER).flip();
      try {
        outbox.send(message);
        bytes.addAndGet(length);
      } catch (IOException e) {
        clientGone();
      }
    }

    private void tell(String method, String more) {
      if (mute || cancelled) {
        return;
      }
      try {
        outbox.send(
            "{\"jsonrpc\":\"2.0\",\"method\":\""
                + method
                + "\",\"params\":{\"streamId\":"
                + id
                + more
                + "}}");
      } catch (IOException e) {
        clientGone();
      }
    }
  }
}
