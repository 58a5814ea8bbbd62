package dev.belljar;

/**
 * The sandbox has ended, so the call cannot be done: it was closed or killed, its lifetime was
 * over, or its machine died.
 */
public class SandboxClosedException extends BelljarException {
  private static final long serialVersionUID = 1L;

  /** Says what happened and what to do next. */
  public SandboxClosedException(String message) {
    super(message);
  }

  /** Says what happened and what to do next, and keeps what caused it. */
  public SandboxClosedException(String message, Throwable cause) {
    super(message, cause);
  }
}
