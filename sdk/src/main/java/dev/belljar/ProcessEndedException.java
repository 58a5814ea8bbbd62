package dev.belljar;

/**
 * The process has already ended, so it can no longer be signalled (Deno: {@code TypeError}, code
 * {@code ENOENT}).
 */
public class ProcessEndedException extends BelljarException {
  private static final long serialVersionUID = 1L;

  /** Says what happened and what to do next. */
  public ProcessEndedException(String message) {
    super(message);
  }

  /** Says what happened and what to do next, and keeps what caused it. */
  public ProcessEndedException(String message, Throwable cause) {
    super(message, cause);
  }
}
