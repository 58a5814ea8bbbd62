package dev.belljar.remote;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The streams of bytes that a server sends over one socket, and the decision when to ask for more.
 *
 * <p>The protocol has no flow control, so a reader that is slow can only be helped by receiving
 * nothing at all, and then the answers that others wait for do not come either. Hence two bounds:
 * with {@value #SOFT} bytes of one stream unread nothing is received unless somebody waits for
 * something, an answer or bytes of another stream; with {@value #HARD} bytes, or a quarter of the
 * heap in all, nothing is received at all until they are read.
 */
final class IncomingStreams {
  static final long SOFT = 8L << 20;
  static final long HARD = 64L << 20;
  private static final long TOTAL = Math.max(HARD, Runtime.getRuntime().maxMemory() / 4);

  /** Streams that started before the answer that mentions them; more is not of the protocol. */
  private static final int MOST_UNCLAIMED = 1024;

  final ReentrantLock lock = new ReentrantLock();
  private final Runnable request;
  private final Canceller canceller;
  private final Map<Long, IncomingStream> streams = new HashMap<>();
  private int unclaimed;
  private int waiting;
  private int aboveSoft;
  private int aboveHard;
  private long total;
  private boolean withheld;
  private String lost = "";

  /** Tells the server that no more of a stream is wanted; does not block. */
  interface Canceller {
    void cancel(long streamId);
  }

  /**
   * @param request asks for one more message
   */
  IncomingStreams(Runnable request, Canceller canceller) {
    this.request = request;
    this.canceller = canceller;
  }

  /** The stream of that id, which is the caller's from now on. */
  IncomingStream claim(long id) {
    lock.lock();
    try {
      IncomingStream stream = streams.get(id);
      if (stream == null) {
        stream = new IncomingStream(this, id);
        if (lost.isEmpty()) {
          streams.put(id, stream);
        } else {
          stream.fail(new IOException(lost));
        }
      } else if (!stream.claimed) {
        unclaimed--;
      }
      stream.claimed = true;
      if (stream.over()) {
        streams.remove(id);
      }
      return stream;
    } finally {
      lock.unlock();
    }
  }

  void started(long id) throws ProtocolException {
    lock.lock();
    try {
      IncomingStream stream = streams.get(id);
      if (stream == null) {
        if (++unclaimed > MOST_UNCLAIMED) {
          throw new ProtocolException("more than " + MOST_UNCLAIMED + " streams nobody asked for");
        }
        stream = new IncomingStream(this, id);
        streams.put(id, stream);
      }
      stream.started = true;
      if (stream.closed) {
        streams.remove(id);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Bytes of a stream; those of one that nobody reads any more are dropped. */
  void enqueued(long id, byte[] bytes) {
    lock.lock();
    try {
      IncomingStream stream = streams.get(id);
      if (stream != null && stream.started) {
        stream.add(bytes);
      }
    } finally {
      lock.unlock();
    }
  }

  void ended(long id) {
    lock.lock();
    try {
      IncomingStream stream = streams.get(id);
      if (stream != null) {
        stream.end();
        forget(id, stream);
      }
    } finally {
      lock.unlock();
    }
  }

  void failed(long id, IOException reason) {
    lock.lock();
    try {
      IncomingStream stream = streams.get(id);
      if (stream != null) {
        stream.fail(reason);
        forget(id, stream);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Ends all of them: what was received can be read, then comes the reason. */
  void lost(String reason) {
    lock.lock();
    try {
      lost = reason;
      streams.values().forEach(stream -> stream.fail(new IOException(reason)));
      streams.clear();
    } finally {
      lock.unlock();
    }
  }

  /** After a message: asks for the next, or leaves it for later. */
  void next() {
    boolean now;
    lock.lock();
    try {
      now = mayReceive();
      withheld = !now;
    } finally {
      lock.unlock();
    }
    if (now) {
      request.run();
    }
  }

  /** Somebody begins to wait for something that only the socket can bring. */
  void beginWait() {
    wait(1);
  }

  /** The end of {@link #beginWait}. */
  void endWait() {
    wait(-1);
  }

  private void wait(int more) {
    lock.lock();
    try {
      waiting += more;
    } finally {
      lock.unlock();
    }
    reconsider();
  }

  /** Something changed: asks for a message that was left for later. Not to be called locked. */
  void reconsider() {
    boolean now;
    lock.lock();
    try {
      now = withheld && mayReceive();
      withheld &= !now;
    } finally {
      lock.unlock();
    }
    if (now) {
      request.run();
    }
  }

  /** A stream holds other than it did. Called locked. */
  void changed(long before, long after) {
    total += after - before;
    aboveSoft += (after > SOFT ? 1 : 0) - (before > SOFT ? 1 : 0);
    aboveHard += (after > HARD ? 1 : 0) - (before > HARD ? 1 : 0);
  }

  /** Its reader wants no more of it. Called locked. */
  void closed(IncomingStream stream) {
    if (!lost.isEmpty() || stream.over()) {
      return;
    }
    if (stream.started) {
      streams.remove(stream.id);
    }
    canceller.cancel(stream.id);
  }

  /** What is over stays only for somebody to claim it. */
  private void forget(long id, IncomingStream stream) {
    if (stream.claimed) {
      streams.remove(id);
    }
  }

  private boolean mayReceive() {
    return aboveHard == 0 && total <= TOTAL && (aboveSoft == 0 || waiting > 0);
  }
}
