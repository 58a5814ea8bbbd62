package dev.belljar.server.rpc;

import dev.belljar.server.rpc.InvalidParamsException.Issue;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.POJONode;

/**
 * The parameters of a call, read one by one. What does not fit is noted, and {@link #check} throws
 * all of it at once; until then a placeholder stands for it. {@code null} and absent are the same
 * for what may be left out.
 */
final class Params {
  private static final long LARGEST_SAFE = (1L << 53) - 1;
  private static final int LONGEST_NAME = 100;
  private static final byte[] NOTHING = {};

  private final JsonNode root;
  private final boolean absent;
  private final List<Object> path;
  private final List<Issue> issues;

  private Params(JsonNode root, boolean absent, List<Object> path, List<Issue> issues) {
    this.root = root;
    this.absent = absent;
    this.path = path;
    this.issues = issues;
  }

  static Params of(@Nullable JsonNode root) {
    List<Issue> issues = new ArrayList<>();
    boolean absent = root == null || root.isNull();
    Params params =
        new Params(root == null ? Json.NODES.objectNode() : root, absent, List.of(), issues);
    if (root == null || !root.isObject()) {
      params.wrongType(List.of(), "object", root);
    }
    return params;
  }

  /** Throws if anything read so far did not fit. */
  void check() throws InvalidParamsException {
    if (!issues.isEmpty()) {
      throw new InvalidParamsException(issues);
    }
  }

  /**
   * Throws where what every call may have is wrong, also where the method takes no parameters: they
   * are an object if there are any, and {@code abortId} is a whole number.
   */
  void checkForm() throws InvalidParamsException {
    if (absent) {
      return;
    }
    optionalInteger("abortId");
    check();
  }

  boolean has(String name) {
    JsonNode node = root.get(name);
    return node != null && !node.isNull();
  }

  String string(String name) {
    return required(name, "string", JsonNode::isString, JsonNode::stringValue, "");
  }

  Optional<String> optionalString(String name) {
    return has(name) ? Optional.of(string(name)) : Optional.empty();
  }

  boolean bool(String name, boolean otherwise) {
    return has(name)
        ? required(name, "boolean", JsonNode::isBoolean, JsonNode::booleanValue, otherwise)
        : otherwise;
  }

  /** A whole number that JavaScript can hold exactly. */
  long integer(String name) {
    JsonNode node = root.get(name);
    if (node == null || !node.isNumber()) {
      wrongType(at(name), "number", node);
      return 0;
    }
    double value = node.doubleValue();
    if (value != Math.rint(value) || Math.abs(value) > LARGEST_SAFE) {
      issue("invalid_type", "int", at(name), "Invalid input: expected int, received number");
      return 0;
    }
    return (long) value;
  }

  /** A whole number within bounds. */
  int integer(String name, int least, int most) {
    long value = integer(name);
    if (value < least || value > most) {
      issue(
          value < least ? "too_small" : "too_big",
          "",
          at(name),
          "Invalid input: expected number from " + least + " to " + most);
      return least;
    }
    return (int) value;
  }

  OptionalInt optionalInteger(String name, int least, int most) {
    return has(name) ? OptionalInt.of(integer(name, least, most)) : OptionalInt.empty();
  }

  Optional<Long> optionalInteger(String name) {
    return has(name) ? Optional.of(integer(name)) : Optional.empty();
  }

  /** A size, 0 where it is left out. */
  long size(String name) {
    if (!has(name)) {
      return 0;
    }
    long value = integer(name);
    if (value < 0) {
      issue("too_small", "", at(name), "Invalid input: expected number to be at least 0");
      return 0;
    }
    return value;
  }

  /** A whole number, as such or as text (which is how 64 bits travel). */
  long integerOrText(String name) {
    JsonNode node = root.get(name);
    if (node != null && node.isString()) {
      try {
        return Long.parseLong(node.stringValue());
      } catch (NumberFormatException e) {
        issue(
            "invalid_type", "bigint", at(name), "Invalid input: expected bigint, received string");
        return 0;
      }
    }
    return integer(name);
  }

  /** Base64. */
  byte[] bytes(String name) {
    try {
      if (decoded(name) instanceof LongBase64 decoded) {
        return decoded.toBytes();
      }
      String text = string(name);
      return text.isEmpty() ? NOTHING : Base64.getDecoder().decode(text);
    } catch (IllegalArgumentException e) {
      notBase64(name);
      return NOTHING;
    }
  }

  /** Base64 that may be long, as a stream that does not block. */
  InputStream stream(String name) {
    if (decoded(name) instanceof LongBase64 decoded) {
      try {
        return decoded.bytes();
      } catch (IllegalArgumentException e) {
        notBase64(name);
        return InputStream.nullInputStream();
      }
    }
    return new ByteArrayInputStream(bytes(name));
  }

  private @Nullable Object decoded(String name) {
    return root.get(name) instanceof POJONode node ? node.getPojo() : null;
  }

  private void notBase64(String name) {
    issue("invalid_format", "base64", at(name), "Invalid base64-encoded string");
  }

  /** ISO 8601 with an offset. */
  Instant instant(String name) {
    String text = string(name);
    try {
      return OffsetDateTime.parse(text).toInstant();
    } catch (DateTimeException e) {
      if (!text.isEmpty()) {
        issue("invalid_format", "date", at(name), "Invalid ISO datetime");
      } else if (root.get(name) != null && root.get(name).isString()) {
        issue("invalid_format", "date", at(name), "Invalid ISO datetime");
      }
      return Instant.EPOCH;
    }
  }

  <T> T oneOf(String name, Map<String, T> values) {
    JsonNode node = root.get(name);
    T value = node != null && node.isString() ? values.get(node.stringValue()) : null;
    if (value == null) {
      issue(
          "invalid_value",
          "",
          at(name),
          "Invalid option: expected one of \"" + String.join("\"|\"", values.keySet()) + "\"");
      return values.values().iterator().next();
    }
    return value;
  }

  List<String> strings(String name) {
    List<String> list = new ArrayList<>();
    for (Params item : items(name)) {
      if (item.root.isString()) {
        list.add(item.root.stringValue());
      } else {
        wrongType(item.path, "string", item.root);
      }
    }
    return list;
  }

  /** The items of a list; none where it is left out. */
  List<Params> items(String name) {
    JsonNode node = root.get(name);
    if (node == null || node.isNull()) {
      return List.of();
    }
    if (!node.isArray()) {
      wrongType(at(name), "array", node);
      return List.of();
    }
    List<Params> items = new ArrayList<>(node.size());
    int index = 0;
    for (JsonNode item : node) {
      List<Object> place = new ArrayList<>(at(name));
      place.add(index++);
      items.add(new Params(item, false, place, issues));
    }
    return items;
  }

  Map<String, String> stringMap(String name) {
    JsonNode node = root.get(name);
    if (node == null || node.isNull()) {
      return Map.of();
    }
    if (!node.isObject()) {
      wrongType(at(name), "record", node);
      return Map.of();
    }
    Map<String, String> map = new LinkedHashMap<>();
    Params inner = new Params(node, false, at(name), issues);
    for (String key : node.propertyNames()) {
      map.put(key, inner.string(key));
    }
    return map;
  }

  /** An object within; an empty one where it is left out. */
  Params object(String name) {
    JsonNode node = root.get(name);
    if (node != null && !node.isNull() && !node.isObject()) {
      wrongType(at(name), "object", node);
    }
    return new Params(
        node == null || !node.isObject() ? Json.NODES.objectNode() : node, false, at(name), issues);
  }

  /** Whatever is there; JSON's null where it is left out. */
  JsonNode any(String name) {
    JsonNode node = root.get(name);
    return node == null ? Json.NODES.nullNode() : node;
  }

  JsonNode node() {
    return root;
  }

  /** Notes something that no method above found. */
  void wrong(String name, String message) {
    issue("custom", "", at(name), message);
  }

  private <T> T required(
      String name,
      String type,
      java.util.function.Predicate<JsonNode> fits,
      Function<JsonNode, T> read,
      T otherwise) {
    JsonNode node = root.get(name);
    if (node == null || !fits.test(node)) {
      wrongType(at(name), type, node);
      return otherwise;
    }
    return read.apply(node);
  }

  private List<Object> at(String name) {
    List<Object> place = new ArrayList<>(path);
    // Names may be the client's, and are told back.
    place.add(name.length() <= LONGEST_NAME ? name : name.substring(0, LONGEST_NAME) + "…");
    return place;
  }

  private void wrongType(List<Object> place, String expected, @Nullable JsonNode found) {
    issue(
        "invalid_type",
        expected,
        place,
        "Invalid input: expected " + expected + ", received " + typeOf(found));
  }

  private void issue(String code, String expected, List<Object> place, String message) {
    // A list of a million wrong items needs no million messages.
    if (issues.size() < 20) {
      issues.add(new Issue(code, expected, place, message));
    }
  }

  private static String typeOf(@Nullable JsonNode node) {
    return node == null
        ? "undefined"
        : switch (node.getNodeType()) {
          case STRING -> "string";
          case NUMBER -> "number";
          case BOOLEAN -> "boolean";
          case ARRAY -> "array";
          case OBJECT, POJO -> "object";
          case NULL -> "null";
          case BINARY, MISSING -> "undefined";
        };
  }
}
