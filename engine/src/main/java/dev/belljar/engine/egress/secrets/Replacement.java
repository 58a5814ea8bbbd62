package dev.belljar.engine.egress.secrets;

import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.List;

/** Byte sequences and what stands in their place. Immutable; where two fit, the first one is it. */
final class Replacement {

  /** One sequence, not empty, and what it becomes. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Pair(byte[] from, byte[] to) {}

  private final List<Pair> pairs;
  private final boolean[] first = new boolean[256];
  private final int longest;

  Replacement(List<Pair> pairs) {
    this.pairs = List.copyOf(pairs);
    int most = 0;
    for (Pair pair : pairs) {
      first[pair.from()[0] & 0xff] = true;
      most = Math.max(most, pair.from().length);
    }
    longest = most;
  }

  /** All of it, replaced; the same array where nothing is. */
  byte[] apply(byte[] bytes) {
    Output output = new Output(bytes.length);
    int rest = scan(bytes, bytes.length, true, output);
    return output.replaced || rest != bytes.length ? output.toBytes() : bytes;
  }

  /** A stream, replaced. Holds back no more than what may be the beginning of a sequence. */
  InputStream apply(InputStream in) {
    return pairs.isEmpty() ? in : new Replaced(in);
  }

  /**
   * Replaces what can be told from these bytes alone.
   *
   * @return how many bytes were dealt with; the rest may be the beginning of something
   */
  private int scan(byte[] bytes, int length, boolean last, Output output) {
    int from = 0;
    int at = 0;
    while (at < length) {
      if (!first[bytes[at] & 0xff]) {
        at++;
        continue;
      }
      Pair match = null;
      boolean undecided = false;
      for (Pair pair : pairs) {
        int common = Math.min(pair.from().length, length - at);
        if (Arrays.equals(bytes, at, at + common, pair.from(), 0, common)) {
          if (common == pair.from().length) {
            match = pair;
            break;
          }
          undecided = true;
        }
      }
      if (match != null && !undecided) {
        output.append(bytes, from, at - from);
        output.append(match.to(), 0, match.to().length);
        output.replaced = true;
        at += match.from().length;
        from = at;
      } else if (undecided && !last) {
        break;
      } else if (match != null) {
        // Nothing more comes: what fits whole is it.
        output.append(bytes, from, at - from);
        output.append(match.to(), 0, match.to().length);
        output.replaced = true;
        at += match.from().length;
        from = at;
      } else {
        at++;
      }
    }
    output.append(bytes, from, at - from);
    return at;
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
    private final InputStream in;
    private final byte[] buffer = new byte[BUFFER + longest];
    private int kept;
    private boolean over;
    private Output ready = new Output(0);
    private int given;

    Replaced(InputStream in) {
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

    /** What is decided already: more that is there may be the beginning of what is replaced. */
    @Override
    public int available() {
      return ready.length - given;
    }

    private void more(int most) throws IOException {
      int count = in.read(buffer, kept, most);
      over = count < 0;
      int length = kept + Math.max(count, 0);
      ready.length = 0;
      given = 0;
      int done = scan(buffer, length, over, ready);
      kept = length - done;
      System.arraycopy(buffer, done, buffer, 0, kept);
    }

    @Override
    public void close() throws IOException {
      in.close();
    }
  }
}
