package dev.belljar;

/** A server does not accept the token: it is wrong, expired, revoked or of somebody else. */
public class InvalidTokenException extends BelljarException {
  private static final long serialVersionUID = 1L;

  /** Says what happened and what to do next; never the token. */
  public InvalidTokenException(String message) {
    super(message);
  }
}
