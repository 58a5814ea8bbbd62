package dev.belljar.engine.egress;

import dev.belljar.engine.egress.tls.ClientHello;
import java.io.IOException;
import java.util.Locale;
import java.util.Set;

/** What a guest speaks, told by what it says first. */
enum FirstBytes {
  /** Nothing at all. */
  NOTHING,
  TLS,
  /** HTTP/1, or what a server could take for it. */
  HTTP,
  /** Something else. */
  OTHER;

  /** How far is looked. */
  private static final int MOST = 8 << 10;

  private static final int LONGEST_METHOD = 32;
  private static final int MOST_EMPTY_LINE_ENDS = 32;
  private static final Set<String> METHODS =
      Set.of("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "PRI");

  /**
   * Looks, and puts everything back. Reads no further than it takes to tell, since a client of
   * another protocol may wait for an answer.
   */
  static FirstBytes of(GuestInput in) throws IOException {
    byte[] seen = new byte[MOST];
    int length = 0;
    FirstBytes found = null;
    Line line = new Line();
    while (found == null) {
      int b = in.read();
      if (b < 0) {
        found = length == 0 ? NOTHING : line.atEnd();
      } else {
        seen[length++] = (byte) b;
        found = length == 1 && b == ClientHello.FIRST_BYTE ? TLS : line.next(b);
        if (found == null && length == MOST) {
          // A request may have a long target, and a method that is not known here.
          found = HTTP;
        }
      }
    }
    in.unread(seen, length);
    return found;
  }

  /** The first line, as it grows. */
  private static final class Line {
    private final StringBuilder text = new StringBuilder();
    private int emptyLineEnds;
    private boolean method = true;

    /** Null while it cannot be told. */
    @org.jspecify.annotations.Nullable
    FirstBytes next(int b) {
      boolean lineEnd = b == '\r' || b == '\n';
      if (text.isEmpty() && lineEnd) {
        // Servers skip empty lines before a request.
        return ++emptyLineEnds > MOST_EMPTY_LINE_ENDS ? HTTP : null;
      }
      if (lineEnd) {
        return atEnd();
      }
      text.append((char) b);
      if (method && (b == ' ' || b == '\t')) {
        method = false;
      }
      boolean isText = (b >= ' ' && b < 0x7f) || b == '\t';
      return method && (!isText || text.length() > LONGEST_METHOD) ? OTHER : null;
    }

    FirstBytes atEnd() {
      String line = text.toString().toUpperCase(Locale.ROOT);
      String first = line.strip().split("[ \t]", 2)[0];
      return (emptyLineEnds > 0 && line.isEmpty())
              || METHODS.contains(first)
              || line.contains("HTTP/")
          ? HTTP
          : OTHER;
    }
  }
}
