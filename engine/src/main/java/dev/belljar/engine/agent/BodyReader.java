package dev.belljar.engine.agent;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.function.Function;

/** Reads what the guest sent; whatever is not there or too long is a {@link ProtocolException}. */
public final class BodyReader {
  private final ByteBuffer buffer;
  private final Function<String, ProtocolException> violation;

  /** For whoever ends the connection when this throws. */
  BodyReader(byte[] bytes) {
    this(bytes, ProtocolException::new);
  }

  /** For somebody else: {@code violation} ends the connection and makes what is thrown. */
  BodyReader(byte[] bytes, Function<String, ProtocolException> violation) {
    this.buffer = ByteBuffer.wrap(bytes);
    this.violation = violation;
  }

  int remaining() {
    return buffer.remaining();
  }

  int u8() throws ProtocolException {
    return need(1).get() & 0xff;
  }

  int u16() throws ProtocolException {
    return need(2).getShort() & 0xffff;
  }

  int u32() throws ProtocolException {
    return need(4).getInt();
  }

  long u64() throws ProtocolException {
    return need(8).getLong();
  }

  /** A string of so many bytes at most; bytes that are no UTF-8 become U+FFFD. */
  String str(int largest) throws ProtocolException {
    return new String(bytes(largest), StandardCharsets.UTF_8);
  }

  byte[] bytes(int largest) throws ProtocolException {
    int length = u32();
    if (length < 0 || length > largest) {
      throw violation.apply("a string of " + Integer.toUnsignedLong(length) + " bytes");
    }
    return rest(length);
  }

  /** So many bytes. */
  byte[] fixed(int length) throws ProtocolException {
    return rest(length);
  }

  /** All that is left. */
  byte[] rest() throws ProtocolException {
    return rest(buffer.remaining());
  }

  private byte[] rest(int length) throws ProtocolException {
    byte[] bytes = new byte[length];
    need(length).get(bytes);
    return bytes;
  }

  /** Checks that nothing is left. */
  void end() throws ProtocolException {
    if (buffer.hasRemaining()) {
      throw violation.apply(buffer.remaining() + " bytes too many in a message");
    }
  }

  private ByteBuffer need(int bytes) throws ProtocolException {
    if (buffer.remaining() < bytes) {
      throw violation.apply("a message that ends too early");
    }
    return buffer;
  }
}
