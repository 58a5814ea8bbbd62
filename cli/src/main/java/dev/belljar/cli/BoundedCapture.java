package dev.belljar.cli;

import java.io.ByteArrayOutputStream;
import java.io.OutputStream;

/** Keeps the first bytes of what is written to it, and lets the rest go. */
final class BoundedCapture extends OutputStream {
  private final int limit;
  private final ByteArrayOutputStream kept = new ByteArrayOutputStream();
  private boolean truncated;

  BoundedCapture(int limit) {
    this.limit = limit;
  }

  @Override
  public void write(int b) {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public synchronized void write(byte[] bytes, int offset, int length) {
    int room = Math.min(length, limit - kept.size());
    kept.write(bytes, offset, room);
    truncated |= room < length;
  }

  /** What was kept. */
  synchronized byte[] bytes() {
    return kept.toByteArray();
  }

  /** Whether something was let go. */
  synchronized boolean truncated() {
    return truncated;
  }
}
