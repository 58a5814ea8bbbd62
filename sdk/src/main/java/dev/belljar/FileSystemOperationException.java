package dev.belljar;

/**
 * An operation on the sandbox's files (or the start of a process) failed as the guest's kernel
 * said. Subclasses exist for the errors that programs act on; the rest is this class with its
 * {@link #code()}.
 *
 * <p>Classes and wording follow Deno's: {@code No such file or directory (os error 2): stat '/x'}.
 */
public class FileSystemOperationException extends BelljarException {
  private static final long serialVersionUID = 1L;

  private final String code;
  private final int errno;

  /** Made from an errno by {@link #of}; public for other providers. */
  public FileSystemOperationException(String message, String code, int errno) {
    super(message);
    this.code = code;
    this.errno = errno;
  }

  /**
   * The exception that stands for an errno.
   *
   * @param errno as Linux numbers it
   * @param operation what was tried, for example {@code stat '/x'}
   */
  public static FileSystemOperationException of(int errno, String operation) {
    Errno known = Errno.of(errno);
    return of(known.text() + " (os error " + errno + "): " + operation, known.code(), errno);
  }

  /**
   * The exception that stands for an errno which another machine reported in its own words.
   *
   * @param code the errno's name, for example {@code ENOENT}
   */
  public static FileSystemOperationException reported(String message, String code) {
    return of(message, code, Errno.named(code).number());
  }

  private static FileSystemOperationException of(String message, String code, int errno) {
    return switch (code) {
      case "ENOENT" -> new NotFoundException(message, code, errno);
      case "EEXIST" -> new AlreadyExistsException(message, code, errno);
      case "EACCES", "EPERM" -> new PermissionDeniedException(message, code, errno);
      case "ENOTDIR" -> new NotADirectoryException(message, code, errno);
      case "EISDIR" -> new IsADirectoryException(message, code, errno);
      case "ENOTEMPTY" -> new DirectoryNotEmptyException(message, code, errno);
      case "ELOOP" -> new FilesystemLoopException(message, code, errno);
      case "ENOSPC", "EDQUOT" -> new StorageFullException(message, code, errno);
      case "EBADF" -> new BadResourceException(message, code, errno);
      default -> new FileSystemOperationException(message, code, errno);
    };
  }

  /** The errno's name, for example {@code ENOENT}. */
  public String code() {
    return code;
  }

  /** The errno's number on Linux, for example 2. */
  public int errno() {
    return errno;
  }
}
