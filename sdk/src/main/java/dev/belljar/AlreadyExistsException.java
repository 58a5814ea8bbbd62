package dev.belljar;

/** Something of that name exists already. */
public final class AlreadyExistsException extends FileSystemOperationException {
  private static final long serialVersionUID = 1L;

  AlreadyExistsException(String message, String code, int errno) {
    super(message, code, errno);
  }
}
