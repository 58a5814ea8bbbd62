package dev.belljar.server.tokens;

import dev.belljar.server.store.TokenRecord;
import java.time.Instant;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** A token as JSON. */
final class TokenLine {
  static final JsonMapper MAPPER = new JsonMapper();

  private TokenLine() {}

  static ObjectNode write(TokenRecord token) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("id", token.id())
        .put("organization", token.organization())
        .put("name", token.name())
        .put("created_at", token.createdAt().toString())
        .put("revoked_at", token.revokedAt().map(Instant::toString).orElse(null));
  }

  static TokenRecord read(JsonNode node) {
    JsonNode revoked = node.path("revoked_at");
    return new TokenRecord(
        node.path("id").asString(""),
        node.path("organization").asString(""),
        node.path("name").asString(""),
        Instant.parse(node.path("created_at").asString("")),
        revoked.isString() ? Optional.of(Instant.parse(revoked.stringValue())) : Optional.empty());
  }
}
