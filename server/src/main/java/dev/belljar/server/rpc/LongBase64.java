package dev.belljar.server.rpc;

import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/**
 * A long string that begins like base64, decoded as far as it does. It says the very same as the
 * string: groups of four characters without padding are encoded again to what they were, and
 * whatever follows them is kept as it came. Not for several threads.
 */
final class LongBase64 {
  private static final int GROUP = 4;
  private static final boolean[] DIGITS = new boolean[256];

  static {
    for (char digit :
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".toCharArray()) {
      DIGITS[digit] = true;
    }
  }

  private final List<byte[]> decoded = new ArrayList<>();
  private final byte[] group = new byte[GROUP];
  private int grouped;
  private long size;
  private String rest = "";

  /** Where base64's digits end; padding is none. */
  static int endOfDigits(byte[] text, int from, int to) {
    int at = from;
    while (at < to && DIGITS[text[at] & 0xff]) {
      at++;
    }
    return at;
  }

  /** Bytes that it holds. */
  long size() {
    return size;
  }

  /** Takes digits. */
  void add(byte[] digits, int offset, int length) {
    int from = offset;
    int to = offset + length;
    while (from < to && grouped > 0) {
      group[grouped++] = digits[from++];
      if (grouped == GROUP) {
        decode(group, 0, GROUP);
        grouped = 0;
      }
    }
    int whole = (to - from) / GROUP * GROUP;
    if (whole > 0) {
      decode(digits, from, whole);
      from += whole;
    }
    while (from < to) {
      group[grouped++] = digits[from++];
    }
  }

  private void decode(byte[] digits, int offset, int length) {
    ByteBuffer bytes = Base64.getDecoder().decode(ByteBuffer.wrap(digits, offset, length));
    byte[] chunk = new byte[bytes.remaining()];
    if (bytes.hasArray() && bytes.array().length == chunk.length) {
      chunk = bytes.array();
    } else {
      bytes.get(chunk);
    }
    decoded.add(chunk);
    size += chunk.length;
  }

  /** Digits that made no group. */
  byte[] ungrouped() {
    return java.util.Arrays.copyOf(group, grouped);
  }

  /** Says what follows the groups. */
  void endWith(String text) {
    rest = text;
  }

  /** Characters of the whole string. */
  long length() {
    return size / 3 * GROUP + rest.length();
  }

  /** The string. */
  String text() {
    StringBuilder text = new StringBuilder(Math.toIntExact(length()));
    for (byte[] chunk : decoded) {
      text.append(new String(Base64.getEncoder().encode(chunk), StandardCharsets.ISO_8859_1));
    }
    return text.append(rest).toString();
  }

  /**
   * What the string says in base64.
   *
   * @throws IllegalArgumentException where it is none
   */
  InputStream bytes() {
    List<byte[]> all = new ArrayList<>(decoded);
    if (!rest.isEmpty()) {
      all.add(Base64.getDecoder().decode(rest));
    }
    return new InputStream() {
      private int chunk;
      private int offset;

      @Override
      public int read() {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
      }

      @Override
      public int read(byte[] into, int at, int length) {
        int done = 0;
        while (done < length && chunk < all.size()) {
          byte[] from = all.get(chunk);
          int some = Math.min(length - done, from.length - offset);
          System.arraycopy(from, offset, into, at + done, some);
          done += some;
          offset += some;
          if (offset == from.length) {
            chunk++;
            offset = 0;
          }
        }
        return done == 0 && length > 0 ? -1 : done;
      }
    };
  }
}
