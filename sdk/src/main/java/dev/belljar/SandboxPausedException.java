package dev.belljar;

/** A sandbox is asked for something while it is paused. */
public final class SandboxPausedException extends BelljarException {
  private static final long serialVersionUID = 1;

  /** Says which. */
  public SandboxPausedException(String message) {
    super(message);
  }
}
