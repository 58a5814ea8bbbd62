package dev.belljar;

import org.jspecify.annotations.Nullable;

/**
 * Something that Belljar could not do. The message says what happened, to which sandbox, and what
 * to do next.
 */
public class BelljarException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Says what happened and what to do next. */
  public BelljarException(String message) {
    super(message);
  }

  /** Says what happened and what to do next, and keeps what caused it. */
  public BelljarException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
