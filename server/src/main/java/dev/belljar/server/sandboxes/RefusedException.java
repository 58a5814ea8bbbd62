package dev.belljar.server.sandboxes;

/** A request that is not granted, with the HTTP status and the code that the client is told. */
public final class RefusedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int status;
  private final String code;

  /**
   * Says why.
   *
   * @param status of HTTP, 400 to 599
   * @param code for programs, for example {@code SANDBOX_NOT_FOUND}
   * @param message for people
   */
  public RefusedException(int status, String code, String message) {
    super(message);
    this.status = status;
    this.code = code;
  }

  /** As above, with what caused it. */
  public RefusedException(int status, String code, String message, Throwable cause) {
    super(message, cause);
    this.status = status;
    this.code = code;
  }

  /** The HTTP status. */
  public int status() {
    return status;
  }

  /** The code for programs. */
  public String code() {
    return code;
  }
}
