package dev.belljar;

/**
 * This host cannot make a sandbox now: something is missing, broken or exhausted. The message names
 * what mends it.
 */
public class SandboxUnavailableException extends BelljarException {
  private static final long serialVersionUID = 1L;

  /** Says what happened and what to do next. */
  public SandboxUnavailableException(String message) {
    super(message);
  }

  /** Says what happened and what to do next, and keeps what caused it. */
  public SandboxUnavailableException(String message, Throwable cause) {
    super(message, cause);
  }
}
