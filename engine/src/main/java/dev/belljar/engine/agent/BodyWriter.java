package dev.belljar.engine.agent;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/**
 * Writes the body of a call: big-endian integers, strings and lists with their lengths in front.
 */
final class BodyWriter {
  private ByteBuffer buffer = ByteBuffer.allocate(256);

  BodyWriter u8(int value) {
    room(1).put((byte) value);
    return this;
  }

  BodyWriter bool(boolean value) {
    return u8(value ? 1 : 0);
  }

  BodyWriter u16(int value) {
    room(2).putShort((short) value);
    return this;
  }

  BodyWriter u32(int value) {
    room(4).putInt(value);
    return this;
  }

  BodyWriter u64(long value) {
    room(8).putLong(value);
    return this;
  }

  BodyWriter str(String value) {
    return str(value.getBytes(StandardCharsets.UTF_8));
  }

  BodyWriter str(byte[] value) {
    u32(value.length);
    return raw(value, 0, value.length);
  }

  BodyWriter list(List<String> values) {
    u32(values.size());
    values.forEach(this::str);
    return this;
  }

  BodyWriter raw(byte[] bytes, int offset, int length) {
    room(length).put(bytes, offset, length);
    return this;
  }

  int size() {
    return buffer.position();
  }

  byte[] array() {
    return buffer.array();
  }

  private ByteBuffer room(int bytes) {
    if (buffer.remaining() < bytes) {
      int position = buffer.position();
      int capacity =
          Math.max(Math.multiplyExact(buffer.capacity(), 2), Math.addExact(position, bytes));
      buffer = ByteBuffer.wrap(Arrays.copyOf(buffer.array(), capacity)).position(position);
    }
    return buffer;
  }
}
