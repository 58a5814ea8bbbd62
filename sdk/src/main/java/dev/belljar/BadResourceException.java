package dev.belljar;

/** The file is closed, or was not opened for this. */
public final class BadResourceException extends FileSystemOperationException {
  private static final long serialVersionUID = 1L;

  BadResourceException(String message, String code, int errno) {
    super(message, code, errno);
  }
}
