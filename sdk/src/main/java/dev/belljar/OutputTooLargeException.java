package dev.belljar;

/**
 * A process printed more than {@link ChildProcess#output()} holds; it was killed. Read {@link
 * ChildProcess#stdout()} as a stream instead.
 */
public class OutputTooLargeException extends BelljarException {
  private static final long serialVersionUID = 1L;

  /** Says what happened and what to do next. */
  public OutputTooLargeException(String message) {
    super(message);
  }
}
