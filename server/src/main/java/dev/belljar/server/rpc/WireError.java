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
import dev.belljar.SandboxPausedException;
import dev.belljar.ScriptError;
import dev.belljar.ScriptException;
import dev.belljar.StorageException;
import dev.belljar.server.sandboxes.StorageCode;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A failed operation as clients read it: an error of JavaScript.
 *
 * @param error its class is one that JavaScript or Deno has, for example {@code NotFound}
 */
record WireError(ScriptError error) {

  static WireError of(String constructorName, String message, @Nullable String code) {
    return new WireError(
        new ScriptError(
            constructorName,
            constructorName,
            message,
            Optional.ofNullable(code),
            Optional.empty()));
  }

  /** What an aborted request ends with, as an aborted {@code fetch} does (DOM, "AbortError"). */
  static WireError aborted() {
    return new WireError(
        new ScriptError(
            "DOMException",
            "AbortError",
            "The signal has been aborted",
            Optional.empty(),
            Optional.empty()));
  }

  String constructorName() {
    return error.constructorName();
  }

  String message() {
    return error.message();
  }

  /** What clients are told of a failure. */
  static WireError of(Throwable failure) {
    String message = failure.getMessage() == null ? failure.toString() : failure.getMessage();
    return switch (failure) {
      case FileSystemOperationException e -> of(classOf(e), message, e.code());
      case ProcessEndedException e ->
          of("TypeError", "Child process has already terminated", "ENOENT");
      case ScriptException e -> new WireError(e.error());
      case FetchException e -> of("TypeError", message, null);
      case InvalidOptionException e -> of("TypeError", message, null);
      case SandboxPausedException e -> of("Error", message, "SANDBOX_PAUSED");
      case StorageException e -> of("Error", message, StorageCode.of(e.reason()));
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
    return json(error);
  }

  private static ObjectNode json(ScriptError error) {
    String trace = error.name() + ": " + error.message() + "\n    at <sandbox>:1:1";
    ObjectNode node = Json.NODES.objectNode();
    node.put("constructorName", error.constructorName());
    node.put("message", error.message());
    node.put("code", error.code().orElse(null));
    node.put("stack", error.stack().orElse(trace));
    node.set("cause", json(error.cause()));
    if (error.errors().isEmpty()) {
      node.putNull("errors");
    } else {
      ArrayNode errors = node.putArray("errors");
      error.errors().forEach(carried -> errors.add(json(carried)));
    }
    node.put("name", error.name());
    node.set("error", json(error.error()));
    node.set("suppressed", json(error.suppressed()));
    return node;
  }

  private static JsonNode json(Optional<ScriptError> error) {
    return error.isPresent() ? json(error.get()) : Json.NODES.nullNode();
  }
}
