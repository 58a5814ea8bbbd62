package dev.belljar.server.rpc;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * Bytes that grow without being copied again and again: what is full stays where it is. Not for
 * several threads.
 */
final class ChunkedBytes {
  private static final int FIRST = 4 << 10;
  private static final int LARGEST = 128 << 10;

  private final List<byte[]> full = new ArrayList<>();
  private byte[] last = {};
  private int filled;
  private long size;

  long size() {
    return size;
  }

  void add(byte[] from, int offset, int length) {
    int done = 0;
    while (done < length) {
      if (filled == last.length) {
        if (filled > 0) {
          full.add(last);
        }
        last = new byte[filled == 0 ? FIRST : Math.min(LARGEST, filled * 2)];
        filled = 0;
      }
      int some = Math.min(length - done, last.length - filled);
      System.arraycopy(from, offset + done, last, filled, some);
      filled += some;
      done += some;
    }
    size += length;
  }

  /** Forgets all, but keeps room for as much as a chunk. */
  void clear() {
    full.clear();
    filled = 0;
    size = 0;
  }

  /** Takes some bytes. */
  @FunctionalInterface
  interface Sink {
    void add(byte[] from, int offset, int length);
  }

  /** Gives all, from the beginning. */
  void copyTo(Sink sink) {
    full.forEach(chunk -> sink.add(chunk, 0, chunk.length));
    sink.add(last, 0, filled);
  }

  /** All from the beginning. */
  InputStream stream() {
    List<InputStream> parts = new ArrayList<>(full.size() + 1);
    full.forEach(chunk -> parts.add(new ByteArrayInputStream(chunk)));
    parts.add(new ByteArrayInputStream(last, 0, filled));
    return new SequenceInputStream(Collections.enumeration(parts));
  }
}
