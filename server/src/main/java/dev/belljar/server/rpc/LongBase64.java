package dev.belljar.server.rpc;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Base64;

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

  /** In large chunks: what comes byte by byte must not cost more than its size. */
  private final ChunkedBytes decoded = new ChunkedBytes();

  private final byte[] group = new byte[GROUP];
  private int grouped;
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
    return decoded.size();
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
    decoded.add(bytes.array(), bytes.arrayOffset() + bytes.position(), bytes.remaining());
  }

  /** Digits that made no group. */
  byte[] ungrouped() {
    return Arrays.copyOf(group, grouped);
  }

  /** Says what follows the groups. */
  void endWith(String text) {
    rest = text;
  }

  /** The string. */
  String text() {
    try (InputStream all = decoded.stream()) {
      return Base64.getEncoder().encodeToString(all.readAllBytes()) + rest;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * As {@link #bytes()}, at once.
   *
   * @throws IllegalArgumentException where it is no base64
   */
  byte[] toBytes() {
    byte[] end = Base64.getDecoder().decode(rest);
    byte[] all = new byte[Math.toIntExact(decoded.size() + end.length)];
    ByteBuffer at = ByteBuffer.wrap(all);
    decoded.copyTo(at::put);
    at.put(end);
    return all;
  }

  /**
   * What the string says in base64.
   *
   * @throws IllegalArgumentException where it is none
   */
  InputStream bytes() {
    return rest.isEmpty()
        ? decoded.stream()
        : new SequenceInputStream(
            decoded.stream(), new ByteArrayInputStream(Base64.getDecoder().decode(rest)));
  }
}
