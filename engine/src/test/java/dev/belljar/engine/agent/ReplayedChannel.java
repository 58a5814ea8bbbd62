package dev.belljar.engine.agent;

import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ByteChannel;
import java.nio.channels.ClosedChannelException;

/**
 * A channel whose other end says what was written down before, without listening: made for millions
 * of frames.
 */
final class ReplayedChannel implements ByteChannel {
  private final ByteBuffer script;
  private final boolean endsAfter;
  private int framesToAwait;
  private final ByteBuffer header = ByteBuffer.allocate(FrameType.HEADER);
  private int skip;
  private boolean closed;

  /**
   * A script.
   *
   * @param framesToAwait how many frames the host must send before the first byte is said
   * @param endsAfter whether the channel is at its end after the script, or silent
   */
  ReplayedChannel(byte[] script, int framesToAwait, boolean endsAfter) {
    this.script = ByteBuffer.wrap(script);
    this.framesToAwait = framesToAwait;
    this.endsAfter = endsAfter;
  }

  @Override
  public synchronized int read(ByteBuffer target) throws AsynchronousCloseException {
    while (!closed && (framesToAwait > 0 || (!script.hasRemaining() && !endsAfter))) {
      try {
        wait();
      } catch (InterruptedException e) {
        closed = true;
      }
    }
    if (closed) {
      throw new AsynchronousCloseException();
    }
    int length = Math.min(script.remaining(), target.remaining());
    if (length == 0) {
      return -1;
    }
    target.put(script.slice(script.position(), length));
    script.position(script.position() + length);
    return length;
  }

  @Override
  public synchronized int write(ByteBuffer source) throws ClosedChannelException {
    if (closed) {
      throw new ClosedChannelException();
    }
    int length = source.remaining();
    while (source.hasRemaining()) {
      if (skip > 0) {
        int part = Math.min(skip, source.remaining());
        source.position(source.position() + part);
        skip -= part;
        continue;
      }
      header.put(source.get());
      if (!header.hasRemaining()) {
        skip = header.getInt(0);
        header.clear();
        framesToAwait--;
      }
    }
    notifyAll();
    return length;
  }

  @Override
  public synchronized boolean isOpen() {
    return !closed;
  }

  @Override
  public synchronized void close() {
    closed = true;
    notifyAll();
  }
}
