package dev.belljar;

/**
 * A request could not be made or broke off: policy forbids the host, its name is not known, nothing
 * listens there, TLS failed. Deno's {@code fetch} throws a {@code TypeError} then.
 */
public class FetchException extends BelljarException {
  private static final long serialVersionUID = 1L;

  /** Says what happened and what to do next. */
  public FetchException(String message) {
    super(message);
  }

  /** Says what happened and what to do next, and keeps what caused it. */
  public FetchException(String message, Throwable cause) {
    super(message, cause);
  }
}
