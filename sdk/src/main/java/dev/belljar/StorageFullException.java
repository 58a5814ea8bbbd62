package dev.belljar;

/** The sandbox's disk (or the quota on it) is full. */
public final class StorageFullException extends FileSystemOperationException {
  private static final long serialVersionUID = 1L;

  StorageFullException(String message, String code, int errno) {
    super(message, code, errno);
  }
}
