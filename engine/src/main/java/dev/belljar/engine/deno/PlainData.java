package dev.belljar.engine.deno;

import dev.belljar.InvalidOptionException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;

/**
 * JSON from a guest as plain data: null, {@link Boolean}, {@link Long}, {@link Double}, {@link
 * String}, {@link List}, {@link Map}. Bounded, for small JSON can be large data.
 */
final class PlainData {
  private static final int MOST_VALUES = 2_000_000;
  private static final int LONGEST_TEXT = 64 << 20;

  /** More than an evaluator sends, which goes 500 deep. */
  private static final int DEEPEST = 600;

  private static final JsonFactory JSON =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(DEEPEST)
                  .maxStringLength(LONGEST_TEXT)
                  .maxNameLength(LONGEST_TEXT)
                  .build())
          .build();

  private final JsonParser parser;
  private int values;

  private PlainData(JsonParser parser) {
    this.parser = parser;
  }

  /**
   * Reads one value.
   *
   * @throws IOException where it is not JSON, or too much of it
   */
  static @Nullable Object read(byte[] json) throws IOException {
    try (JsonParser parser = JSON.createParser(ObjectReadContext.empty(), json)) {
      parser.nextToken();
      return new PlainData(parser).value();
    } catch (JacksonException e) {
      throw new IOException("it sends what is not JSON: " + e.getOriginalMessage(), e);
    }
  }

  /**
   * Checks that a value is plain data.
   *
   * @throws InvalidOptionException where it is not, or where it holds itself
   */
  static void check(@Nullable Object value, int depth) {
    if (depth > DEEPEST) {
      throw new InvalidOptionException(
          "Plain data cannot be more than " + DEEPEST + " levels deep.");
    }
    if (value == null
        || value instanceof Boolean
        || value instanceof Number
        || value instanceof String) {
      return;
    }
    switch (value) {
      case Collection<?> items -> items.forEach(item -> check(item, depth + 1));
      case Map<?, ?> map ->
          map.forEach(
              (key, item) -> {
                check(key, depth + 1);
                check(item, depth + 1);
              });
      default ->
          throw new InvalidOptionException(
              "A " + value.getClass().getName() + " is not plain data, as JSON has it.");
    }
  }

  private @Nullable Object value() throws IOException {
    if (++values > MOST_VALUES) {
      throw new IOException("it sends more than " + MOST_VALUES + " values at once");
    }
    JsonToken token = parser.currentToken();
    if (token == null) {
      throw new IOException("it sends nothing");
    }
    return switch (token) {
      case VALUE_NULL -> null;
      case VALUE_TRUE -> true;
      case VALUE_FALSE -> false;
      case VALUE_STRING -> parser.getString();
      case VALUE_NUMBER_INT -> whole();
      case VALUE_NUMBER_FLOAT -> parser.getDoubleValue();
      case START_ARRAY -> list();
      case START_OBJECT -> map();
      default -> throw new IOException("it sends what is not JSON");
    };
  }

  private Object whole() {
    return switch (parser.getNumberType()) {
      case INT, LONG -> parser.getLongValue();
      default -> parser.getDoubleValue();
    };
  }

  private List<@Nullable Object> list() throws IOException {
    List<@Nullable Object> list = new ArrayList<>();
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      list.add(value());
    }
    return list;
  }

  private Map<String, @Nullable Object> map() throws IOException {
    Map<String, @Nullable Object> map = new LinkedHashMap<>();
    while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
      String name = parser.currentName();
      parser.nextToken();
      map.put(name, value());
    }
    return map;
  }
}
