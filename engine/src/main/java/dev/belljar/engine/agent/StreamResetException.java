package dev.belljar.engine.agent;

import java.io.IOException;

/** The guest gave a stream up. */
public final class StreamResetException extends IOException {
  private static final long serialVersionUID = 1L;

  private final int errno;

  StreamResetException(int errno) {
    super(
        errno == 0
            ? "The stream was closed."
            : "The guest ended the stream with errno " + errno + ".");
    this.errno = errno;
  }

  /** Why, as Linux numbers it; 0 where it was no longer wanted. */
  public int errno() {
    return errno;
  }
}
