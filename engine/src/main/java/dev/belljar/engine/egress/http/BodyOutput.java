package dev.belljar.engine.egress.http;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.List;

/** A body on its way out. Whoever writes it says how its end is told. */
final class BodyOutput {
  private static final int BUFFER = 64 << 10;

  /** Hexadecimal digits and CRLF. */
  private static final int LONGEST_SIZE = 8;

  private static final byte[] CRLF = {'\r', '\n'};

  /** With its size and its end it fills records of TLS, which have 2^14 bytes (RFC 8446, 5.1). */
  private static final int LARGEST_CHUNK = BUFFER - LONGEST_SIZE - CRLF.length;

  private BodyOutput() {}

  /** Copies to the end, each part as it comes. */
  static void copy(InputStream body, OutputStream out) throws IOException {
    byte[] buffer = new byte[BUFFER];
    int count;
    while ((count = readThere(body, buffer, 0, buffer.length)) >= 0) {
      out.write(buffer, 0, count);
      out.flush();
    }
  }

  /**
   * Copies to the end, in chunks of what is there at once; the end itself is {@link #endChunks}.
   */
  static void copyAsChunks(InputStream body, OutputStream out) throws IOException {
    byte[] buffer = new byte[BUFFER];
    int count;
    while ((count = readThere(body, buffer, LONGEST_SIZE, LARGEST_CHUNK)) >= 0) {
      if (count > 0) {
        // One write each: under TLS every write is a record.
        byte[] size = (Integer.toHexString(count) + "\r\n").getBytes(ISO_8859_1);
        int from = LONGEST_SIZE - size.length;
        System.arraycopy(size, 0, buffer, from, size.length);
        System.arraycopy(CRLF, 0, buffer, LONGEST_SIZE + count, CRLF.length);
        out.write(buffer, from, size.length + count + CRLF.length);
        out.flush();
      }
    }
  }

  /** Blocks for the first of it only; what is said to be available must be so. */
  private static int readThere(InputStream body, byte[] buffer, int offset, int most)
      throws IOException {
    int count = body.read(buffer, offset, most);
    while (count > 0 && count < most && body.available() > 0) {
      int more = body.read(buffer, offset + count, most - count);
      if (more < 0) {
        break;
      }
      count += more;
    }
    return count;
  }

  static void endChunks(List<MessageHead.Field> trailers, OutputStream out) throws IOException {
    StringBuilder end = new StringBuilder("0\r\n");
    trailers.forEach(
        field -> end.append(field.name()).append(": ").append(field.value()).append("\r\n"));
    out.write(end.append("\r\n").toString().getBytes(ISO_8859_1));
    out.flush();
  }
}
