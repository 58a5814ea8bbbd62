package dev.belljar;

/** A directory is needed where something else is. */
public final class NotADirectoryException extends FileSystemOperationException {
  private static final long serialVersionUID = 1L;

  NotADirectoryException(String message, String code, int errno) {
    super(message, code, errno);
  }
}
