package dev.belljar.examples.untrustedcode;

/** The demo could not go on for a reason outside the sandbox; the message says what to do. */
public final class DemoException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  DemoException(String message, Throwable cause) {
    super(message, cause);
  }
}
