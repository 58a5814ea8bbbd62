package dev.belljar.cli;

import java.io.IOException;

/**
 * Standard output cannot be written: mostly because nobody reads it any more, as in {@code belljar
 * run … | head -1}.
 */
final class OutputClosedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  OutputClosedException(IOException cause) {
    super("The output could not be written: " + cause.getMessage() + ".", cause);
  }

  /** Whether that is EPIPE, for which the JDK has no exception of its own. */
  boolean nobodyReads() {
    return String.valueOf(getMessage()).contains("Broken pipe");
  }
}
