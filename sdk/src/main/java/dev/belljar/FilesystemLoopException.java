package dev.belljar;

/** Too many symbolic links lead to one another. */
public final class FilesystemLoopException extends FileSystemOperationException {
  private static final long serialVersionUID = 1L;

  FilesystemLoopException(String message, String code, int errno) {
    super(message, code, errno);
  }
}
