package dev.belljar.cli;

import java.io.IOException;

/** Nobody reads standard output any more, as in {@code belljar run … | head -1}. */
final class OutputClosedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  OutputClosedException(IOException cause) {
    super(cause);
  }
}
