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

  /** Types of records: change_cipher_spec to heartbeat. */
  private static final int LOWEST_RECORD = 20;

  private static final int HIGHEST_RECORD = 24;
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
    FirstBytes told = null;
    FirstBytes found = null;
    Line line = new Line();
    while (found == null) {
      int b = in.read();
      if (b < 0) {
        found = length == 0 ? NOTHING : line.atEnd();
      } else {
        seen[length++] = (byte) b;
        told = told == null ? line.next(b) : told;
        found = isTls(seen, length) ? TLS : mayBeTls(seen, length) ? null : told;
        if (found == null && length == MOST) {
          // A request may have a long target, and a method that is not known here.
          found = HTTP;
        }
      }
    }
    in.unread(seen, length);
    return found;
  }

  /**
   * Any record of TLS, though only one with a handshake may come first: a server may skip others.
   * And a hello in the form of version 2, which names no server and which some still take.
   */
  private static boolean isTls(byte[] seen, int length) {
    if (seen[0] == ClientHello.FIRST_BYTE) {
      return true;
    }
    return isRecord(seen) ? length == 2 && seen[1] == 3 : length == 5 && mayBeOld(seen, length);
  }

  /** Whether it takes more to tell. */
  private static boolean mayBeTls(byte[] seen, int length) {
    return isRecord(seen) ? length < 2 : length < 5 && mayBeOld(seen, length);
  }

  private static boolean isRecord(byte[] seen) {
    return seen[0] >= LOWEST_RECORD && seen[0] <= HIGHEST_RECORD;
  }

  /** A length of two bytes, CLIENT-HELLO, and version 2 or a later one. */
  private static boolean mayBeOld(byte[] seen, int length) {
    return (seen[0] & 0x80) != 0
        && (length < 3 || seen[2] == 1)
        && (length < 4 || seen[3] == 3 || seen[3] == 0)
        && (length < 5 || seen[3] == 3 || seen[4] == 2);
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
