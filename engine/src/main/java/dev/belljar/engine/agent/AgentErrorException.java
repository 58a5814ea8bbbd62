package dev.belljar.engine.agent;

/** The agent did what it was asked and the guest's kernel refused. */
public final class AgentErrorException extends Exception {
  private static final long serialVersionUID = 1L;

  private final int errno;
  private final String operation;

  AgentErrorException(int errno, String operation) {
    super("errno " + errno + ": " + operation);
    this.errno = errno;
    this.operation = operation;
  }

  /** As Linux numbers it. */
  public int errno() {
    return errno;
  }

  /** What was tried, for example {@code stat '/x'}. */
  public String operation() {
    return operation;
  }
}
