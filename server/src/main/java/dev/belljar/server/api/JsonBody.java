package dev.belljar.server.api;

import dev.belljar.ByteSize;
import dev.belljar.server.sandboxes.RefusedException;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The JSON object in the body of a request, read with suspicion. {@code null} and absent are the
 * same. A member that is not known is refused, as it may be a restriction.
 */
final class JsonBody {
  private static final JsonMapper MAPPER = new JsonMapper();

  /** A client that was told these itself sends them along with what it is asked to make. */
  private static final Set<String> THE_CLIENTS_OWN = Set.of("token", "org", "apiEndpoint");

  /** Of a text that a message repeats, or that an engine is given. */
  private static final int LONGEST_TEXT = 128;

  /** Up to here a number of JavaScript is exact. */
  private static final double LARGEST_NUMBER = 1L << 53;

  private final JsonNode body;

  private JsonBody(JsonNode body) {
    this.body = body;
  }

  /**
   * Reads it.
   *
   * @throws RefusedException where it is not a JSON object, or has members that are not known
   */
  static JsonBody read(String text, Set<String> known) {
    JsonNode body;
    try {
      body = MAPPER.readTree(text);
    } catch (JacksonException e) {
      throw invalid("The body must be JSON.");
    }
    if (!body.isObject()) {
      throw invalid("The body must be a JSON object.");
    }
    for (String name : body.propertyNames()) {
      if (!known.contains(name) && !THE_CLIENTS_OWN.contains(name)) {
        throw invalid("'" + shortened(name) + "' is not known here.");
      }
    }
    return new JsonBody(body);
  }

  /**
   * Reads a body that says nothing: none, or an object without members.
   *
   * @throws RefusedException where it says something
   */
  static void refuseMembers(String text) {
    if (!text.isBlank()) {
      read(text, Set.of());
    }
  }

  /** A text that must be there. */
  String text(String name) {
    return optionalText(name).orElseThrow(() -> invalid("The body must have '" + name + "'."));
  }

  /** A text that may be there. */
  Optional<String> optionalText(String name) {
    JsonNode value = get(name);
    if (value == null) {
      return Optional.empty();
    }
    if (!value.isString()
        || value.stringValue().length() > LONGEST_TEXT
        || value.stringValue().chars().anyMatch(c -> c < ' ')) {
      throw invalid(
          "'"
              + name
              + "' must be text of at most "
              + LONGEST_TEXT
              + " characters, none of them a control character.");
    }
    return Optional.of(value.stringValue());
  }

  /** A number of bytes, or a text like {@code 2GB}, that must be there. */
  ByteSize size(String name) {
    JsonNode value = get(name);
    if (value == null || !value.isNumber()) {
      return ByteSize.parse(text(name));
    }
    double bytes = value.doubleValue();
    if (bytes < 0 || bytes > LARGEST_NUMBER || bytes != Math.rint(bytes)) {
      throw invalid("'" + name + "' must be a whole number of bytes, or text like \"2GB\".");
    }
    return new ByteSize((long) bytes);
  }

  private @Nullable JsonNode get(String name) {
    JsonNode value = body.get(name);
    return value == null || value.isNull() ? null : value;
  }

  private static String shortened(String name) {
    return name.length() <= LONGEST_TEXT ? name : name.substring(0, LONGEST_TEXT) + "…";
  }

  private static RefusedException invalid(String message) {
    return new RefusedException(400, "INVALID_REQUEST", message);
  }
}
