package dev.belljar.engine.egress;

import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;

/** What a guest says; the beginning can be put back to be read again. */
final class GuestInput extends InputStream {
  private final InputStream in;
  private byte[] back = {};
  private int at;

  GuestInput(InputStream in) {
    this.in = in;
  }

  /** Puts bytes back that were read from here. */
  void unread(byte[] bytes, int length) {
    byte[] joined = Arrays.copyOf(bytes, length + back.length - at);
    System.arraycopy(back, at, joined, length, back.length - at);
    back = joined;
    at = 0;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] target, int offset, int length) throws IOException {
    if (at == back.length) {
      back = new byte[0];
      at = 0;
      return in.read(target, offset, length);
    }
    int count = Math.min(length, back.length - at);
    System.arraycopy(back, at, target, offset, count);
    at += count;
    return count;
  }
}
