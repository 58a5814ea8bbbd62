package dev.belljar.engine.egress;

import java.io.IOException;

/**
 * Watches a connection that does not begin like HTTP: a server may skip what is in front of a
 * request, or take a method for one that is not known here. It sees the version that every request
 * line ends with before the line is at its end.
 */
final class HttpWatch {
  private static final String BEFORE_DIGIT = "http/";

  private int matched;

  /**
   * Looks at what is about to be sent.
   *
   * @throws RequestException where it has a request in it
   */
  void look(byte[] bytes, int length) throws RequestException {
    for (int i = 0; i < length; i++) {
      int b = bytes[i] & 0xff;
      if (matched == BEFORE_DIGIT.length()) {
        if (b >= '0' && b <= '9') {
          throw new RequestException();
        }
        matched = 0;
      }
      int lower = b >= 'A' && b <= 'Z' ? b + ('a' - 'A') : b;
      if (lower == BEFORE_DIGIT.charAt(matched)) {
        matched++;
      } else {
        matched = lower == BEFORE_DIGIT.charAt(0) ? 1 : 0;
      }
    }
  }

  /** There is a request of HTTP in what looked like something else. */
  static final class RequestException extends IOException {
    private static final long serialVersionUID = 1L;

    RequestException() {
      super("it has a request of HTTP in what does not begin like one");
    }
  }
}
