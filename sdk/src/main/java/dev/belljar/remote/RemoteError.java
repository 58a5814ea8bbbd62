package dev.belljar.remote;

import dev.belljar.BelljarException;
import dev.belljar.FileSystemOperationException;
import dev.belljar.InvalidOptionException;
import dev.belljar.SandboxPausedException;
import dev.belljar.ScriptError;
import dev.belljar.ScriptException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * An error object of the protocol: an operation that failed in the sandbox.
 *
 * @param error its members; its class is one that JavaScript knows, for example {@code NotFound}
 */
record RemoteError(ScriptError error) {
  /** What servers say of a process that has ended. */
  static final String PROCESS_ENDED = "Child process has already terminated";

  /** How Belljar's servers end what they say of a sandbox that is paused. */
  static final String PAUSED = " is paused. Resume it first.";

  private static final int MOST_ERRORS = 64;
  private static final int DEEPEST = 8;

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
    return new RemoteError(new Reading(server).error(error, 1));
  }

  String constructorName() {
    return error.constructorName();
  }

  String message() {
    return error.message();
  }

  /** A {@code TypeError} with this code is how the protocol says that a process has ended. */
  boolean processEnded() {
    return constructorName().equals("TypeError")
        && error.code().filter("ENOENT"::equals).isPresent();
  }

  /** Nothing was done, because the sandbox is paused. */
  boolean paused() {
    return error.code().filter("SANDBOX_PAUSED"::equals).isPresent();
  }

  /** What stands for it, where the call gives it no other meaning. */
  BelljarException exception() {
    if (paused()) {
      return new SandboxPausedException(message());
    }
    String errno =
        error
            .code()
            .filter(code -> ERRNO.matcher(code).matches())
            .orElse(CODES.getOrDefault(constructorName(), ""));
    if (!errno.isEmpty()) {
      return FileSystemOperationException.reported(message(), errno);
    }
    return switch (constructorName()) {
      case "TypeError", "RangeError", "ZodError" -> new InvalidOptionException(message());
      default -> new BelljarException(message().isEmpty() ? constructorName() : message());
    };
  }

  ScriptException scriptException() {
    return new ScriptException(error);
  }

  /** Reads an error with those that it carries, within bounds. */
  private static final class Reading {
    private final Server server;
    private int errors;

    Reading(Server server) {
      this.server = server;
    }

    ScriptError error(Reply error, int depth) {
      errors++;
      String constructorName = text(error, "constructorName").orElse("Error");
      return new ScriptError(
          constructorName,
          text(error, "name").orElse(constructorName),
          text(error, "message").orElse(""),
          text(error, "code"),
          text(error, "stack"),
          carried(error.member("cause"), depth),
          list(error.member("errors"), depth),
          carried(error.member("error"), depth),
          carried(error.member("suppressed"), depth));
    }

    private Optional<String> text(Reply error, String name) {
      return error.optionalText(name).map(server::clean);
    }

    private Optional<ScriptError> carried(Reply error, int depth) {
      return !error.value().isObject() || depth == DEEPEST || errors == MOST_ERRORS
          ? Optional.empty()
          : Optional.of(error(error, depth + 1));
    }

    private List<ScriptError> list(Reply errors, int depth) {
      return errors.absent()
          ? List.of()
          : errors.list().stream().flatMap(error -> carried(error, depth).stream()).toList();
    }
  }
}
