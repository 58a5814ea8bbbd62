package dev.belljar.engine.egress.http;

import java.io.IOException;

/** Something is not HTTP/1.1 as strictly as it must be to know where each message ends. */
public final class HttpFormatException extends IOException {
  private static final long serialVersionUID = 1L;

  /** With what is wrong. */
  public HttpFormatException(String message) {
    super(message);
  }
}
