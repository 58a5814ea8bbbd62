package dev.belljar.engine.agent;

import java.io.IOException;

/** A call of more bytes than the agent takes; nothing was sent. */
public final class CallTooLargeException extends IOException {
  private static final long serialVersionUID = 1L;

  CallTooLargeException() {
    super("The call is larger than the " + FrameType.LARGEST_CALL + " bytes that the agent takes.");
  }
}
