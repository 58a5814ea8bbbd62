package dev.belljar.engine.image;

import java.io.IOException;

/** The image could not be built; the message says at what, and what the tool said. */
public final class BuildFailedException extends IOException {
  private static final long serialVersionUID = 1L;

  BuildFailedException(String message) {
    super(message);
  }
}
