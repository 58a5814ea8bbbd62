package dev.belljar.server.api;

import dev.belljar.InvalidOptionException;
import dev.belljar.server.sandboxes.RefusedException;
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

  static ErrorBody of(Exception failure, String trace) {
    return switch (failure) {
      case RefusedException e ->
          new ErrorBody(e.status(), e.code(), String.valueOf(e.getMessage()));
      case InvalidOptionException e ->
          new ErrorBody(400, "INVALID_REQUEST", String.valueOf(e.getMessage()));
      default -> {
        LOG.error("A request failed", failure);
        yield new ErrorBody(
            500,
            "INTERNAL_ERROR",
            "The server failed; its log has more under trace " + trace + ".");
      }
    };
  }

  String toJson() {
    return JsonNodeFactory.instance
        .objectNode()
        .put("code", code)
        .put("message", message)
        .toString();
  }
}
