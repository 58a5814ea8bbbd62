package dev.belljar;

/** A shell command ended unsuccessfully and {@link SandboxCommand#noThrow()} was not asked for. */
public class SandboxCommandException extends BelljarException {
  private static final long serialVersionUID = 1L;

  private final transient ChildProcessOutput output;

  /** Keeps the output of the failed command. */
  public SandboxCommandException(String message, ChildProcessOutput output) {
    super(message);
    this.output = output;
  }

  /** What the command wrote and how it ended. */
  public ChildProcessOutput output() {
    return output;
  }
}
