package dev.belljar;

/** An option is out of its bounds or does not parse. Nothing was started. */
public class InvalidOptionException extends BelljarException {
  private static final long serialVersionUID = 1L;

  /** Says what happened and what to do next. */
  public InvalidOptionException(String message) {
    super(message);
  }

  /** Says what happened and what to do next, and keeps what caused it. */
  public InvalidOptionException(String message, Throwable cause) {
    super(message, cause);
  }
}
