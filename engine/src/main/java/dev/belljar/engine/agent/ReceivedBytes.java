package dev.belljar.engine.agent;

import java.util.ArrayDeque;

/**
 * What came in on a stream and was not read yet. Small pieces are put together: a sender that sends
 * one byte at a time costs no more memory than one that does not. Not thread-safe.
 */
final class ReceivedBytes {
  private static final int BLOCK = 4 << 10;

  /** All full but the last one. */
  private final ArrayDeque<byte[]> blocks = new ArrayDeque<>();

  private int headOffset;
  private int roomInLast;
  private int size;

  int size() {
    return size;
  }

  /** Adds a piece, and keeps it: it must not be changed afterwards. */
  void add(byte[] piece) {
    if (piece.length == 0) {
      return;
    }
    int filled = Math.min(roomInLast, piece.length);
    if (filled > 0) {
      byte[] last = blocks.getLast();
      System.arraycopy(piece, 0, last, last.length - roomInLast, filled);
      roomInLast -= filled;
    }
    int rest = piece.length - filled;
    if (rest == piece.length && (blocks.isEmpty() || rest >= BLOCK)) {
      blocks.add(piece);
    } else if (rest > 0) {
      byte[] block = new byte[Math.max(BLOCK, rest)];
      System.arraycopy(piece, filled, block, 0, rest);
      blocks.add(block);
      roomInLast = block.length - rest;
    }
    size += piece.length;
  }

  /** Takes up to that many bytes, and gives how many there were. */
  int take(byte[] target, int offset, int length) {
    int taken = 0;
    while (taken < length && size > 0) {
      byte[] head = blocks.element();
      int end = blocks.size() == 1 ? head.length - roomInLast : head.length;
      int part = Math.min(end - headOffset, length - taken);
      System.arraycopy(head, headOffset, target, offset + taken, part);
      taken += part;
      size -= part;
      headOffset += part;
      if (headOffset == end) {
        blocks.remove();
        headOffset = 0;
        if (blocks.isEmpty()) {
          roomInLast = 0;
        }
      }
    }
    return taken;
  }

  void clear() {
    blocks.clear();
    headOffset = 0;
    roomInLast = 0;
    size = 0;
  }
}
