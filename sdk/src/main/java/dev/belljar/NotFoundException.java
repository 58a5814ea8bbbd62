package dev.belljar;

/** There is no such file, directory or command. */
public final class NotFoundException extends FileSystemOperationException {
  private static final long serialVersionUID = 1L;

  NotFoundException(String message, String code, int errno) {
    super(message, code, errno);
  }
}
