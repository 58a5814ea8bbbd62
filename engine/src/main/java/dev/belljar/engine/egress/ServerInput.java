package dev.belljar.engine.egress;

import java.io.IOException;
import java.io.InputStream;
import java.util.concurrent.locks.ReentrantLock;

/**
 * What a server says. One thread waits for the first of it; whoever reads meanwhile waits for that
 * thread and is given the same bytes.
 */
final class ServerInput extends InputStream {
  private static final int FIRST = 16 << 10;

  private final InputStream in;
  private final ReentrantLock lock = new ReentrantLock();
  private byte[] first = {};
  private int at;
  private int end;
  private boolean over;

  ServerInput(InputStream in) {
    this.in = in;
  }

  /** Blocks until the server has said something, or has ended. */
  void awaitFirst() throws IOException {
    lock.lock();
    try {
      first = new byte[FIRST];
      int count = in.read(first, 0, FIRST);
      over = count < 0;
      end = Math.max(count, 0);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public int available() throws IOException {
    lock.lock();
    try {
      return at < end || over ? end - at : in.available();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] target, int offset, int length) throws IOException {
    lock.lock();
    try {
      if (at < end) {
        int count = Math.min(length, end - at);
        System.arraycopy(first, at, target, offset, count);
        at += count;
        if (at == end) {
          first = new byte[0];
        }
        return count;
      }
      if (over) {
        return -1;
      }
    } finally {
      lock.unlock();
    }
    return in.read(target, offset, length);
  }
}
