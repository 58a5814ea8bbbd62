package dev.belljar.engine.egress.http;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Messages as they come in on a connection: heads, and between them bodies. */
public final class HttpInput extends InputStream {
  private static final int BUFFER = 64 << 10;
  private static final int LONGEST_CHUNK_LINE = 256;
  private static final int LARGEST_TRAILERS = 16 << 10;
  private static final int MOST_EMPTY_LINES = 16;

  private final InputStream in;
  private final byte[] buffer = new byte[BUFFER];
  private int at;
  private int end;

  /** Over bytes as they come. */
  public HttpInput(InputStream in) {
    this.in = in;
  }

  /**
   * The next head, with the empty line at its end. Empty lines before it are skipped.
   *
   * @return null where there is none because all ended before it
   * @throws HttpFormatException where it has more bytes than that, or a line feed alone
   */
  public byte @Nullable [] readHead(int most) throws IOException {
    ByteArrayOutputStream head = new ByteArrayOutputStream(512);
    int matched = 0;
    int skipped = 0;
    while (matched < 4) {
      if (at == end && !fill()) {
        if (head.size() == 0) {
          return null;
        }
        throw new EOFException("the connection ended within a head");
      }
      byte b = buffer[at++];
      boolean wantsLineFeed = matched % 2 == 1;
      if (wantsLineFeed != (b == '\n')) {
        throw new HttpFormatException("a line end that is not CRLF");
      }
      matched = b == '\r' || b == '\n' ? matched + 1 : 0;
      head.write(b);
      if (head.size() == 2 && matched == 2) {
        if (++skipped > MOST_EMPTY_LINES) {
          throw new HttpFormatException("nothing but empty lines");
        }
        head.reset();
        matched = 0;
      }
      if (head.size() > most) {
        throw new HttpFormatException("a head of more than " + (most >> 10) + " KiB");
      }
    }
    return head.toByteArray();
  }

  /** A body; what follows it is read here again once it is at its end. */
  public Body body(Framing framing) {
    return new Body(framing);
  }

  @Override
  public int read() throws IOException {
    return at == end && !fill() ? -1 : buffer[at++] & 0xff;
  }

  /** What is buffered, or what one read gives. */
  @Override
  public int read(byte[] target, int offset, int length) throws IOException {
    if (at == end) {
      return in.read(target, offset, length);
    }
    int count = Math.min(length, end - at);
    System.arraycopy(buffer, at, target, offset, count);
    at += count;
    return count;
  }

  /** What is buffered, or what can be had at once where nothing is. */
  @Override
  public int available() throws IOException {
    return at == end ? in.available() : end - at;
  }

  private boolean fill() throws IOException {
    int count = in.read(buffer, 0, buffer.length);
    at = 0;
    end = Math.max(count, 0);
    return count >= 0;
  }

  private String readLine(int most) throws IOException {
    StringBuilder line = new StringBuilder();
    while (true) {
      int b = read();
      if (b < 0) {
        throw new EOFException("the connection ended within a body");
      }
      if (b == '\r') {
        if (read() != '\n') {
          throw new HttpFormatException("a line end that is not CRLF");
        }
        return line.toString();
      }
      if (b == '\n' || line.length() == most) {
        throw new HttpFormatException("a line of a body in chunks that is none");
      }
      line.append((char) b);
    }
  }

  /** The bytes of a body, whatever tells their end. */
  public final class Body extends InputStream {
    private final boolean chunked;
    private final boolean untilClose;
    private long left;
    private boolean over;
    private boolean firstChunk = true;
    private List<MessageHead.Field> trailers = List.of();

    private Body(Framing framing) {
      chunked = framing instanceof Framing.Chunked;
      untilClose = framing instanceof Framing.UntilClose;
      left = framing instanceof Framing.Length length ? length.bytes() : 0;
      over = !chunked && !untilClose && left == 0;
    }

    /** The fields that stood behind the last chunk. */
    public List<MessageHead.Field> trailers() {
      return trailers;
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
      if (chunked && left == 0 && !over) {
        nextChunk();
      }
      if (over) {
        return -1;
      }
      int count =
          HttpInput.this.read(target, offset, untilClose ? length : (int) Math.min(length, left));
      if (count < 0) {
        over = true;
        if (!untilClose) {
          throw new EOFException("the connection ended within a body");
        }
        return -1;
      }
      if (!untilClose) {
        left -= count;
        over = !chunked && left == 0;
      }
      return count;
    }

    /** Bytes of the body alone: what stands between chunks may be there in part only. */
    @Override
    public int available() throws IOException {
      int there = HttpInput.this.available();
      return untilClose ? there : (int) Math.min(left, there);
    }

    private void nextChunk() throws IOException {
      if (!firstChunk && !readLine(0).isEmpty()) {
        throw new HttpFormatException("a chunk that is longer than it says");
      }
      firstChunk = false;
      String line = readLine(LONGEST_CHUNK_LINE);
      int extension = line.indexOf(';');
      String size = (extension < 0 ? line : line.substring(0, extension)).strip();
      if (!size.matches("[0-9a-fA-F]{1,15}")) {
        throw new HttpFormatException("a chunk without a size");
      }
      left = Long.parseLong(size, 16);
      if (left == 0) {
        readTrailers();
        over = true;
      }
    }

    private void readTrailers() throws IOException {
      StringBuilder lines = new StringBuilder();
      String line = readLine(LARGEST_TRAILERS);
      while (!line.isEmpty()) {
        lines.append(line).append("\r\n");
        if (lines.length() > LARGEST_TRAILERS) {
          throw new HttpFormatException("too many trailers");
        }
        line = readLine(LARGEST_TRAILERS);
      }
      trailers = MessageHead.parseFields(lines.toString());
    }
  }

  /** One character for each byte. */
  static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }
}
