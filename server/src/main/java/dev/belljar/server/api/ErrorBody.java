package dev.belljar.server.api;

import dev.belljar.HostBusyException;
import dev.belljar.InvalidOptionException;
import dev.belljar.SandboxClosedException;
import dev.belljar.SandboxPausedException;
import dev.belljar.SandboxUnavailableException;
import dev.belljar.StorageException;
import dev.belljar.server.sandboxes.RefusedException;
import dev.belljar.server.sandboxes.StorageCode;
import io.javalin.http.HttpResponseException;
import java.io.IOException;
import org.eclipse.jetty.http.HttpStatus;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.node.JsonNodeFactory;

/**
 * What a client is told of a request that failed.
 *
 * @param status of HTTP
 * @param code for programs
 * @param message for people
 */
record ErrorBody(int status, String code, String message) {
  private static final Logger LOG = LoggerFactory.getLogger(ErrorBody.class);
  private static final String UNAVAILABLE = "SANDBOX_UNAVAILABLE";

  static ErrorBody of(Exception failure, String trace) {
    return switch (failure) {
      case RefusedException e ->
          new ErrorBody(e.status(), e.code(), String.valueOf(e.getMessage()));
      case InvalidOptionException e ->
          new ErrorBody(400, "INVALID_REQUEST", String.valueOf(e.getMessage()));
      case StorageException e -> of(e, trace);
      case SandboxPausedException e ->
          new ErrorBody(409, "SANDBOX_PAUSED", String.valueOf(e.getMessage()));
      case SandboxClosedException e ->
          new ErrorBody(410, "SANDBOX_ENDED", String.valueOf(e.getMessage()));
      case HostBusyException e -> {
        // Who refuses because there is much to do does not do more for it.
        LOG.debug("A request came while there is too much to do", e);
        yield new ErrorBody(503, UNAVAILABLE, String.valueOf(e.getMessage()));
      }
      case SandboxUnavailableException e -> {
        // What QEMU or the jail said names files of this host, which is nobody else's business.
        LOG.warn("A request needs what this host has not got", e);
        yield new ErrorBody(
            503,
            UNAVAILABLE,
            "This host could not do that now; its log has more under trace " + trace + ".");
      }
      case HttpResponseException e -> of(e.getStatus());
      case IOException e -> {
        LOG.debug("A client is gone", e);
        yield of(400);
      }
      default -> {
        LOG.error("A request failed", failure);
        yield new ErrorBody(
            500,
            "INTERNAL_ERROR",
            "The server failed; its log has more under trace " + trace + ".");
      }
    };
  }

  private static ErrorBody of(StorageException failure, String trace) {
    String message = String.valueOf(failure.getMessage());
    int status =
        switch (failure.reason()) {
          case NOT_BOOTABLE -> 400;
          case NOT_FOUND -> 404;
          case SLUG_TAKEN, BUSY, INCOMPATIBLE -> 409;
          case FULL -> 507;
          case DAMAGED -> {
            LOG.error("A disk of this host is damaged", failure);
            message += " The host's log has more under trace " + trace + ".";
            yield 500;
          }
        };
    return new ErrorBody(status, StorageCode.of(failure.reason()), message);
  }

  /** What a status of HTTP says by itself. */
  static ErrorBody of(int status) {
    String code =
        switch (status) {
          case 404 -> "NOT_FOUND";
          case 405 -> "METHOD_NOT_ALLOWED";
          case 413 -> "BODY_TOO_LARGE";
          case 414 -> "PATH_TOO_LONG";
          case 431 -> "HEADERS_TOO_LARGE";
          default -> status < 500 ? "INVALID_REQUEST" : "INTERNAL_ERROR";
        };
    HttpStatus.Code known = HttpStatus.getCode(status);
    return new ErrorBody(
        status, code, (known == null ? "Status " + status : known.getMessage()) + ".");
  }

  String toJson() {
    return JsonNodeFactory.instance
        .objectNode()
        .put("code", code)
        .put("message", message)
        .toString();
  }
}
