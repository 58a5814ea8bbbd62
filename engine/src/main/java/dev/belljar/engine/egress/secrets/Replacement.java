package dev.belljar.engine.egress.secrets;

import dev.belljar.engine.streams.ReadAhead;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Byte sequences and what stands in their place. Immutable; where two fit, the longer one is it.
 */
final class Replacement {

  /** One sequence, not empty, and what it becomes. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Pair(byte[] from, byte[] to) {}

  private final List<Pair> pairs;
  private final boolean[] first = new boolean[256];
  private final int longest;
  private final boolean spansLines;

  Replacement(List<Pair> pairs) {
    this.pairs =
        pairs.stream()
            .sorted(Comparator.comparingInt((Pair pair) -> pair.from().length).reversed())
            .toList();
    int most = 0;
    boolean lines = false;
    for (Pair pair : pairs) {
      first[pair.from()[0] & 0xff] = true;
      most = Math.max(most, pair.from().length);
      for (byte b : pair.from()) {
        lines |= b == '\n';
      }
    }
    longest = most;
    spansLines = lines;
  }

  /** All of it, replaced; the same array where nothing is. */
  byte[] apply(byte[] bytes) {
    Output output = new Output(bytes.length);
    scan(bytes, bytes.length, bytes.length, output);
    return output.replaced ? output.toBytes() : bytes;
  }

  /**
   * A stream, replaced. What is held back does not depend on what it is, but on where it stands:
   * otherwise a guest that has a server repeat its guesses could see how much of one is right. It
   * is what is behind the last end of a line and not longer than a sequence; when nothing more
   * comes for a while it is given out as it is.
   */
  InputStream apply(ReadAhead in) {
    return pairs.isEmpty() ? in : new Replaced(in);
  }

  /**
   * Replaces the sequences that begin before a place; they may end behind it.
   *
   * @return how many bytes were dealt with
   */
  private int scan(byte[] bytes, int length, int until, Output output) {
    int from = 0;
    int at = 0;
    while (at < until) {
      Pair match = first[bytes[at] & 0xff] ? match(bytes, at, length) : null;
      if (match == null) {
        at++;
      } else {
        output.append(bytes, from, at - from);
        output.append(match.to(), 0, match.to().length);
        output.replaced = true;
        at += match.from().length;
        from = at;
      }
    }
    output.append(bytes, from, at - from);
    return at;
  }

  private @Nullable Pair match(byte[] bytes, int at, int length) {
    for (Pair pair : pairs) {
      int end = at + pair.from().length;
      if (end <= length && Arrays.equals(bytes, at, end, pair.from(), 0, pair.from().length)) {
        return pair;
      }
    }
    return null;
  }

  /** Before here every sequence that begins is there as a whole, or is none. */
  private int decided(byte[] bytes, int length) {
    int lineEnd = length;
    while (lineEnd > 0 && bytes[lineEnd - 1] != '\n') {
      lineEnd--;
    }
    return Math.max(spansLines ? 0 : lineEnd, Math.max(0, length - (longest - 1)));
  }

  /** Bytes that grow. */
  private static final class Output {
    private byte[] bytes;
    private int length;
    private boolean replaced;

    Output(int expected) {
      bytes = new byte[expected];
    }

    void append(byte[] source, int from, int count) {
      if (count > bytes.length - length) {
        bytes = Arrays.copyOf(bytes, Math.max(bytes.length * 2, length + count));
      }
      System.arraycopy(source, from, bytes, length, count);
      length += count;
    }

    byte[] toBytes() {
      return Arrays.copyOf(bytes, length);
    }
  }

  private final class Replaced extends InputStream {
    private static final int BUFFER = 64 << 10;

    /** For a server that goes on with a line; what it says in lines is not held back. */
    private static final long LONGEST_HOLD_NANOS = 1_000_000_000L;

    private final ReadAhead in;
    private final byte[] buffer = new byte[BUFFER + longest];
    private int kept;
    private boolean over;
    private Output ready = new Output(0);
    private int given;

    Replaced(ReadAhead in) {
      this.in = in;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
      if (length == 0) {
        return 0;
      }
      while (given == ready.length) {
        if (over) {
          return -1;
        }
        more(Math.min(length, BUFFER));
      }
      int count = Math.min(length, ready.length - given);
      System.arraycopy(ready.bytes, given, target, offset, count);
      given += count;
      return count;
    }

    /** What is decided already. */
    @Override
    public int available() {
      return ready.length - given;
    }

    private void more(int most) throws IOException {
      ready.length = 0;
      given = 0;
      if (kept > 0 && !in.await(LONGEST_HOLD_NANOS)) {
        scan(buffer, kept, kept, ready);
        kept = 0;
        return;
      }
      int count = in.read(buffer, kept, most);
      over = count < 0;
      int length = kept + Math.max(count, 0);
      int done = scan(buffer, length, over ? length : decided(buffer, length), ready);
      kept = length - done;
      System.arraycopy(buffer, done, buffer, 0, kept);
    }

    @Override
    public void close() throws IOException {
      in.close();
    }
  }
}
