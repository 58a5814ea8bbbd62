package dev.belljar.remote;

import java.io.IOException;

/** The server said something that is not of the protocol. */
final class ProtocolException extends IOException {
  private static final long serialVersionUID = 1L;

  ProtocolException(String message) {
    super(message);
  }
}
