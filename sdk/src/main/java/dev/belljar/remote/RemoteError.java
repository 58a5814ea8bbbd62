package dev.belljar.remote;

import dev.belljar.BelljarException;
import dev.belljar.FileSystemOperationException;
import dev.belljar.InvalidOptionException;
import dev.belljar.ScriptException;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * An error object of the protocol: an operation that failed in the sandbox.
 *
 * @param constructorName the class that JavaScript knows it by, for example {@code NotFound}
 * @param message what happened
 * @param code an errno's name, where there is one
 * @param name its {@code name}, where it has another
 * @param stack its stack, where there is one
 */
record RemoteError(
    String constructorName,
    String message,
    Optional<String> code,
    Optional<String> name,
    Optional<String> stack) {

  private static final Pattern ERRNO = Pattern.compile("E[A-Z0-9]{1,20}");

  /** The errno behind Deno's error classes, for servers that leave the code out. */
  private static final Map<String, String> CODES =
      Map.ofEntries(
          Map.entry("NotFound", "ENOENT"),
          Map.entry("AlreadyExists", "EEXIST"),
          Map.entry("PermissionDenied", "EACCES"),
          Map.entry("NotADirectory", "ENOTDIR"),
          Map.entry("IsADirectory", "EISDIR"),
          Map.entry("BadResource", "EBADF"),
          Map.entry("FilesystemLoop", "ELOOP"),
          Map.entry("InvalidData", "EINVAL"),
          Map.entry("ConnectionRefused", "ECONNREFUSED"),
          Map.entry("ConnectionReset", "ECONNRESET"),
          Map.entry("ConnectionAborted", "ECONNABORTED"),
          Map.entry("NetworkUnreachable", "ENETUNREACH"),
          Map.entry("BrokenPipe", "EPIPE"),
          Map.entry("TimedOut", "ETIMEDOUT"),
          Map.entry("Interrupted", "EINTR"),
          Map.entry("WouldBlock", "EAGAIN"),
          Map.entry("Busy", "EBUSY"),
          Map.entry("NotSupported", "EOPNOTSUPP"));

  static RemoteError of(Reply error, Server server) {
    return new RemoteError(
        error.optionalText("constructorName").map(server::clean).orElse("Error"),
        error.optionalText("message").map(server::clean).orElse(""),
        error.optionalText("code").filter(code -> ERRNO.matcher(code).matches()),
        error.optionalText("name").map(server::clean),
        error.optionalText("stack").map(server::clean));
  }

  /** A {@code TypeError} with this code is how the protocol says that a process has ended. */
  boolean processEnded() {
    return constructorName.equals("TypeError") && code.filter("ENOENT"::equals).isPresent();
  }

  /** What stands for it, where the call gives it no other meaning. */
  BelljarException exception() {
    String errno = code.orElse(CODES.getOrDefault(constructorName, ""));
    if (!errno.isEmpty()) {
      return FileSystemOperationException.reported(message, errno);
    }
    return switch (constructorName) {
      case "TypeError", "RangeError", "ZodError" -> new InvalidOptionException(message);
      default -> new BelljarException(message.isEmpty() ? constructorName : message);
    };
  }

  ScriptException scriptException() {
    return new ScriptException(constructorName, name.orElse(constructorName), message, stack);
  }
}
