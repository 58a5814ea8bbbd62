package dev.belljar.engine.egress.tls;

import java.util.Arrays;
import java.util.HexFormat;

/**
 * What a TLS server says first (RFC 8446, 4.1.3), looked at as it passes: it may ask for another
 * ClientHello, which may have another name in it.
 */
public final class ServerHello {
  private static final int HEADER = 5;
  private static final int SERVER_HELLO = 2;

  /** Type, length, version and random. */
  private static final int NEEDED = 1 + 3 + 2 + 32;

  /** The random of a HelloRetryRequest: SHA-256 of that word. */
  private static final byte[] RETRY =
      HexFormat.of().parseHex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c");

  private final byte[] header = new byte[HEADER];
  private final byte[] message = new byte[NEEDED];
  private int inHeader;
  private int inMessage;
  private int leftOfRecord;
  private Answer answer = Answer.UNKNOWN;

  /** What is known of it. */
  public enum Answer {
    /** Not enough was seen. */
    UNKNOWN,
    /** It wants another ClientHello. */
    RETRY,
    /** It is content, or no server of TLS at all. */
    GOES_ON
  }

  /** Looks at what comes next. */
  public Answer look(byte[] bytes, int length) {
    for (int i = 0; i < length && answer == Answer.UNKNOWN; i++) {
      next(bytes[i]);
    }
    return answer;
  }

  private void next(byte b) {
    if (leftOfRecord == 0) {
      header[inHeader++] = b;
      if (inHeader == HEADER) {
        inHeader = 0;
        leftOfRecord = (header[3] & 0xff) << 8 | (header[4] & 0xff);
        if (header[0] != ClientHello.FIRST_BYTE || header[1] != 3) {
          answer = Answer.GOES_ON;
        }
      }
      return;
    }
    leftOfRecord--;
    message[inMessage++] = b;
    if (message[0] != SERVER_HELLO) {
      answer = Answer.GOES_ON;
    } else if (inMessage == NEEDED) {
      boolean retry = Arrays.equals(message, NEEDED - RETRY.length, NEEDED, RETRY, 0, RETRY.length);
      answer = retry ? Answer.RETRY : Answer.GOES_ON;
    }
  }
}
