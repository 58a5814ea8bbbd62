package dev.belljar.engine.agent;

import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A channel with no other end: what is read of it are frames that were made before, and what is
 * written to it is taken. Costs as little as it can, so that what is measured is the connection.
 * Greets; gives DATA to streams in turn, as far as they have given credit; gives credit for DATA.
 */
final class FramesChannel implements ByteChannel {
  private static final int CREDIT_STEP = 64 << 10;

  private final int frame;
  private final List<Source> sources = new ArrayList<>();
  private final ArrayDeque<ByteBuffer> first = new ArrayDeque<>();
  private final Map<Integer, Integer> owed = new HashMap<>();
  private ByteBuffer current = ByteBuffer.allocate(0);
  private int turn;
  private boolean open = true;

  // Of the frame that is being written.
  private final ByteBuffer header = ByteBuffer.allocate(FrameType.HEADER);
  private final ByteBuffer credit = ByteBuffer.allocate(Integer.BYTES);
  private int left;

  private static final class Source {
    private final int id;
    private final ByteBuffer bytes;
    private int credit = AgentStream.WINDOW;

    Source(int id, ByteBuffer bytes) {
      this.id = id;
      this.bytes = bytes;
    }
  }

  /**
   * A channel of DATA frames of that size.
   *
   * @param frame bytes of their payload
   */
  FramesChannel(int frame) {
    this.frame = frame;
  }

  /** Sends to a stream from now on. */
  synchronized void flood(int stream) {
    sources.add(new Source(stream, frame(FrameType.DATA, stream, new byte[frame])));
    notifyAll();
  }

  private static ByteBuffer frame(FrameType type, int id, byte[] payload) {
    return ByteBuffer.allocate(FrameType.HEADER + payload.length)
        .putInt(payload.length)
        .put((byte) type.code)
        .put(new byte[3])
        .putInt(id)
        .put(payload)
        .flip();
  }

  @Override
  public synchronized int read(ByteBuffer target) throws InterruptedIOException {
    int before = target.position();
    while (target.hasRemaining()) {
      if (!current.hasRemaining() && !next(target.position() == before)) {
        break;
      }
      int part = Math.min(target.remaining(), current.remaining());
      target.put(target.position(), current, current.position(), part);
      target.position(target.position() + part);
      current.position(current.position() + part);
    }
    return open ? target.position() - before : -1;
  }

  /** Makes the next frame the current one; waits for one where told to. */
  private boolean next(boolean wait) throws InterruptedIOException {
    while (open) {
      ByteBuffer control = first.poll();
      if (control != null) {
        current = control;
        return true;
      }
      for (int i = 0; i < sources.size(); i++) {
        turn = (turn + 1) % sources.size();
        Source source = sources.get(turn);
        if (source.credit >= frame) {
          source.credit -= frame;
          current = source.bytes.rewind();
          return true;
        }
      }
      if (!wait) {
        return false;
      }
      try {
        wait();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException();
      }
    }
    return false;
  }

  @Override
  public synchronized int write(ByteBuffer source) {
    int length = source.remaining();
    while (source.hasRemaining()) {
      if (header.hasRemaining()) {
        move(source, header);
        if (!header.hasRemaining()) {
          left = header.getInt(0);
          credit.clear();
        }
      }
      int part = Math.min(left, source.remaining());
      if (part > 0 && header.get(4) == FrameType.CREDIT.code) {
        credit.put(source.slice(source.position(), part));
      }
      source.position(source.position() + part);
      left -= part;
      if (left == 0 && !header.hasRemaining()) {
        written(header.get(4), header.getInt(0), header.getInt(8));
        header.clear();
      }
    }
    return length;
  }

  private static void move(ByteBuffer from, ByteBuffer to) {
    int part = Math.min(from.remaining(), to.remaining());
    to.put(from.slice(from.position(), part));
    from.position(from.position() + part);
  }

  private void written(int type, int length, int id) {
    if (type == FrameType.HELLO.code) {
      first.add(
          frame(
              FrameType.HELLO,
              0,
              ByteBuffer.allocate(8).putInt(AgentConnection.VERSION).putInt(0x42454c4c).array()));
    } else if (type == FrameType.CREDIT.code) {
      for (Source source : sources) {
        if (source.id == id) {
          source.credit += credit.getInt(0);
        }
      }
    } else if (type == FrameType.DATA.code) {
      int sum = owed.merge(id, length, Integer::sum);
      if (sum < CREDIT_STEP) {
        return;
      }
      owed.put(id, 0);
      first.add(frame(FrameType.CREDIT, id, ByteBuffer.allocate(4).putInt(sum).array()));
    }
    notifyAll();
  }

  @Override
  public synchronized boolean isOpen() {
    return open;
  }

  @Override
  public synchronized void close() {
    open = false;
    notifyAll();
  }
}
