package dev.belljar.engine.agent;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;

/**
 * What came in on a stream and was not read yet. Small pieces are put together: a sender that sends
 * one byte at a time costs no more memory than one that does not. Large ones go through the same
 * few blocks again and again. Not thread-safe.
 */
final class ReceivedBytes {
  private static final int BLOCK = 4 << 10;
  private static final int LARGE_BLOCK = 16 << 10;

  /** As many as the largest frame fills. */
  private static final int MOST_SPARE = FrameType.DATA.largest / LARGE_BLOCK;

  /** All full but the last one. */
  private final ArrayDeque<byte[]> blocks = new ArrayDeque<>();

  /** Large ones that were read, for what comes next. */
  private final ArrayDeque<byte[]> spare = new ArrayDeque<>(MOST_SPARE);

  private int headOffset;
  private int roomInLast;
  private int size;

  int size() {
    return size;
  }

  /** Adds what is left in a buffer. */
  void add(ByteBuffer piece) {
    size += piece.remaining();
    int filled = Math.min(roomInLast, piece.remaining());
    if (filled > 0) {
      byte[] last = blocks.getLast();
      piece.get(last, last.length - roomInLast, filled);
      roomInLast -= filled;
    }
    while (piece.hasRemaining()) {
      byte[] block = blockFor(piece.remaining());
      int part = Math.min(block.length, piece.remaining());
      piece.get(block, 0, part);
      blocks.add(block);
      roomInLast = block.length - part;
    }
  }

  private byte[] blockFor(int bytes) {
    if (bytes >= BLOCK) {
      byte[] known = spare.poll();
      return known == null ? new byte[LARGE_BLOCK] : known;
    }
    return new byte[blocks.isEmpty() ? bytes : BLOCK];
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
        if (head.length == LARGE_BLOCK && spare.size() < MOST_SPARE) {
          spare.push(head);
        }
        if (blocks.isEmpty()) {
          roomInLast = 0;
        }
      }
    }
    return taken;
  }

  void clear() {
    blocks.clear();
    spare.clear();
    headOffset = 0;
    roomInLast = 0;
    size = 0;
  }
}
