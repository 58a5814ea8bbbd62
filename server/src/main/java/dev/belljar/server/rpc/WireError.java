package dev.belljar.server.rpc;

import dev.belljar.AlreadyExistsException;
import dev.belljar.FetchException;
import dev.belljar.FileSystemOperationException;
import dev.belljar.FilesystemLoopException;
import dev.belljar.InvalidOptionException;
import dev.belljar.IsADirectoryException;
import dev.belljar.NotADirectoryException;
import dev.belljar.NotFoundException;
import dev.belljar.PermissionDeniedException;
import dev.belljar.ProcessEndedException;
import dev.belljar.ScriptException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/**
 * A failed operation as clients read it: the name of a JavaScript or Deno class, and what it says.
 *
 * @param constructorName for example {@code NotFound}
 * @param name the error's {@code name}
 * @param message in words
 * @param code for example {@code ENOENT}
 * @param stack the trace that the error has in the sandbox, where it has one
 */
record WireError(
    String constructorName,
    String name,
    String message,
    Optional<String> code,
    Optional<String> stack) {

  static WireError of(String constructorName, String message, @Nullable String code) {
    return new WireError(
        constructorName, constructorName, message, Optional.ofNullable(code), Optional.empty());
  }

  /** What an aborted request ends with, as an aborted {@code fetch} does (DOM, "AbortError"). */
  static WireError aborted() {
    return new WireError(
        "DOMException",
        "AbortError",
        "The signal has been aborted",
        Optional.empty(),
        Optional.empty());
  }

  /** What clients are told of a failure. */
  static WireError of(Throwable failure) {
    String message = failure.getMessage() == null ? failure.toString() : failure.getMessage();
    return switch (failure) {
      case FileSystemOperationException e -> of(classOf(e), message, e.code());
      case ProcessEndedException e ->
          of("TypeError", "Child process has already terminated", "ENOENT");
      case ScriptException e ->
          new WireError(
              e.constructorName(), e.errorName(), message, Optional.empty(), e.scriptStack());
      case FetchException e -> of("TypeError", message, null);
      case InvalidOptionException e -> of("TypeError", message, null);
      default -> of("Error", message, null);
    };
  }

  /**
   * Deno's class for an errno: those of {@code Deno.errors}, or {@code Error} where it has none.
   */
  private static String classOf(FileSystemOperationException failure) {
    return switch (failure) {
      case NotFoundException e -> "NotFound";
      case AlreadyExistsException e -> "AlreadyExists";
      case PermissionDeniedException e -> "PermissionDenied";
      case NotADirectoryException e -> "NotADirectory";
      case IsADirectoryException e -> "IsADirectory";
      case FilesystemLoopException e -> "FilesystemLoop";
      default ->
          switch (failure.code()) {
            case "EINVAL" -> "TypeError";
            case "EAGAIN" -> "WouldBlock";
            case "EINTR" -> "Interrupted";
            case "EBUSY" -> "Busy";
            case "EPIPE" -> "BrokenPipe";
            case "ETIMEDOUT" -> "TimedOut";
            case "ECONNREFUSED" -> "ConnectionRefused";
            case "ECONNRESET" -> "ConnectionReset";
            case "ECONNABORTED" -> "ConnectionAborted";
            case "ENETUNREACH" -> "NetworkUnreachable";
            case "ENOSYS", "EOPNOTSUPP" -> "NotSupported";
            default -> "Error";
          };
    };
  }

  ObjectNode toJson() {
    ObjectNode node = Json.NODES.objectNode();
    node.put("constructorName", constructorName);
    node.put("message", message);
    node.put("code", code.orElse(null));
    node.put("stack", stack.orElse(name + ": " + message + "\n    at <sandbox>:1:1"));
    node.putNull("cause");
    node.putNull("errors");
    node.put("name", name);
    node.putNull("error");
    node.putNull("suppressed");
    return node;
  }
}
