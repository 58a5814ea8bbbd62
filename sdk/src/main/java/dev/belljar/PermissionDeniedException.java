package dev.belljar;

/** The sandbox's user may not do that. */
public final class PermissionDeniedException extends FileSystemOperationException {
  private static final long serialVersionUID = 1L;

  PermissionDeniedException(String message, String code, int errno) {
    super(message, code, errno);
  }
}
