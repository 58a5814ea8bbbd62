package dev.belljar.remote;

import dev.belljar.InvalidOptionException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** JSON within the bounds of this client, and plain Java data of it. */
final class Json {
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  private static final JsonMapper MAPPER =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxStringLength(Socket.MAX_MESSAGE)
                          .maxNestingDepth(600)
                          .build())
                  .build())
          .build();

  private Json() {}

  /**
   * Reads a text.
   *
   * @throws tools.jackson.core.JacksonException where it is not JSON
   */
  static JsonNode read(String text) {
    return MAPPER.readTree(text);
  }

  static ObjectNode object() {
    return MAPPER.createObjectNode();
  }

  static ObjectNode object(String name, String value) {
    return object().put(name, value);
  }

  static ObjectNode object(Map<String, String> members) {
    ObjectNode node = object();
    members.forEach(node::put);
    return node;
  }

  static JsonNode array(List<?> values) {
    return of(values);
  }

  /** Plain data as JSON: null, Boolean, Number, String, List and Map of these. */
  static JsonNode of(@Nullable Object value) {
    // Not a switch over types: the first one of a process takes the JDK longer than all of this.
    if (value == null) {
      return NODES.nullNode();
    }
    if (value instanceof JsonNode node) {
      return node;
    }
    if (value instanceof Boolean bool) {
      return NODES.booleanNode(bool);
    }
    if (value instanceof Number number) {
      return number(number);
    }
    if (value instanceof CharSequence text) {
      return NODES.stringNode(text.toString());
    }
    if (value instanceof List<?> list) {
      var array = NODES.arrayNode(list.size());
      list.forEach(element -> array.add(of(element)));
      return array;
    }
    if (value instanceof Map<?, ?> map) {
      ObjectNode object = NODES.objectNode();
      map.forEach((key, element) -> object.set(String.valueOf(key), of(element)));
      return object;
    }
    throw notPlain(value.getClass().getName());
  }

  private static JsonNode number(Number number) {
    if (number instanceof Double || number instanceof Float) {
      if (!Double.isFinite(number.doubleValue())) {
        throw notPlain(number.toString());
      }
      return NODES.numberNode(number.doubleValue());
    }
    if (number instanceof Long
        || number instanceof Integer
        || number instanceof Short
        || number instanceof Byte) {
      return NODES.numberNode(number.longValue());
    }
    throw notPlain(number.getClass().getName());
  }

  private static InvalidOptionException notPlain(String what) {
    return new InvalidOptionException(
        "A value of "
            + what
            + " is not plain data: null, Boolean, finite numbers, String, List and Map are.");
  }

  /** As {@link dev.belljar.DenoRepl} gives values. */
  static @Nullable Object plain(JsonNode node) {
    if (node.isNull() || node.isMissingNode()) {
      return null;
    }
    if (node.isBoolean()) {
      return node.booleanValue();
    }
    if (node.isIntegralNumber() && node.canConvertToLong()) {
      return node.longValue();
    }
    if (node.isNumber()) {
      return node.doubleValue();
    }
    if (node.isArray()) {
      List<@Nullable Object> list = new ArrayList<>(node.size());
      node.values().forEach(element -> list.add(plain(element)));
      return list;
    }
    if (node.isObject()) {
      Map<String, @Nullable Object> map = new LinkedHashMap<>();
      node.properties().forEach(member -> map.put(member.getKey(), plain(member.getValue())));
      return map;
    }
    return node.asString();
  }
}
