package dev.belljar.engine.agent;

import java.io.IOException;

/** The guest sent what the agent protocol forbids. Ends that sandbox and touches nothing else. */
public final class ProtocolException extends IOException {
  private static final long serialVersionUID = 1L;

  ProtocolException(String message) {
    super("The guest broke the agent protocol: " + message);
  }
}
