package dev.belljar;

/**
 * The host has all that a sandbox needs, but too much to do or too little memory to make one now;
 * nothing was made. What the message says may be told to anybody: it names nothing of the host's.
 */
public class HostBusyException extends SandboxUnavailableException {
  private static final long serialVersionUID = 1L;

  /** Says what there is too much or too little of, and when to try again. */
  public HostBusyException(String message) {
    super(message);
  }
}
