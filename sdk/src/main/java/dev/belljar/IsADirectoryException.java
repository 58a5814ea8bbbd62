package dev.belljar;

/** A file is needed where a directory is. */
public final class IsADirectoryException extends FileSystemOperationException {
  private static final long serialVersionUID = 1L;

  IsADirectoryException(String message, String code, int errno) {
    super(message, code, errno);
  }
}
