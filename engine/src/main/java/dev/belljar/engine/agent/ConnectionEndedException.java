package dev.belljar.engine.agent;

import java.io.IOException;

/** The connection to the machine has ended, for the reason that the message says. */
public final class ConnectionEndedException extends IOException {
  private static final long serialVersionUID = 1L;

  ConnectionEndedException(String message, Throwable cause) {
    super(message, cause);
  }
}
