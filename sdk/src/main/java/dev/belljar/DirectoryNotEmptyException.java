package dev.belljar;

/** The directory still holds entries; remove it recursively. */
public final class DirectoryNotEmptyException extends FileSystemOperationException {
  private static final long serialVersionUID = 1L;

  DirectoryNotEmptyException(String message, String code, int errno) {
    super(message, code, errno);
  }
}
