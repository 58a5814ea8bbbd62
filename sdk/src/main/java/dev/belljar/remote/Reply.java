package dev.belljar.remote;

import dev.belljar.BelljarException;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import tools.jackson.databind.JsonNode;

/**
 * What a server answered, read with suspicion: what is not of the form asked for is an error that
 * names the call.
 *
 * @param to the call, for messages
 * @param value the answer, or a part of it
 */
record Reply(String to, JsonNode value) {

  Reply member(String name) {
    return new Reply(to, value.path(name));
  }

  boolean absent() {
    return value.isMissingNode() || value.isNull();
  }

  String text() {
    if (!value.isString()) {
      throw wrong("text");
    }
    return value.stringValue();
  }

  String text(String name) {
    return member(name).text();
  }

  Optional<String> optionalText(String name) {
    Reply member = member(name);
    return member.absent() ? Optional.empty() : Optional.of(member.text());
  }

  boolean flag() {
    if (!value.isBoolean()) {
      throw wrong("true or false");
    }
    return value.booleanValue();
  }

  boolean flag(String name) {
    return member(name).flag();
  }

  /** A whole number, which some servers write as text where it is large. */
  long number() {
    if (value.isString()) {
      try {
        return Long.parseLong(value.stringValue());
      } catch (NumberFormatException e) {
        throw wrong("a number");
      }
    }
    if (!value.isNumber() || value.doubleValue() != Math.rint(value.doubleValue())) {
      throw wrong("a number");
    }
    return value.isIntegralNumber() && value.canConvertToLong()
        ? value.longValue()
        : (long) value.doubleValue();
  }

  long number(String name) {
    return member(name).number();
  }

  int integer() {
    long number = number();
    if (number < Integer.MIN_VALUE || number > Integer.MAX_VALUE) {
      throw wrong("a number of 32 bits");
    }
    return (int) number;
  }

  int integer(String name) {
    return member(name).integer();
  }

  OptionalLong optionalNumber(String name) {
    Reply member = member(name);
    return member.absent() ? OptionalLong.empty() : OptionalLong.of(member.number());
  }

  byte[] bytes() {
    try {
      return Base64.getDecoder().decode(text());
    } catch (IllegalArgumentException e) {
      throw wrong("base64");
    }
  }

  Instant time(String name) {
    Reply member = member(name);
    try {
      return Instant.parse(member.text());
    } catch (DateTimeException e) {
      throw member.wrong("a time");
    }
  }

  Optional<Instant> optionalTime(String name) {
    return member(name).absent() ? Optional.empty() : Optional.of(time(name));
  }

  List<Reply> list() {
    if (!value.isArray()) {
      throw wrong("a list");
    }
    List<Reply> list = new ArrayList<>(value.size());
    value.values().forEach(element -> list.add(new Reply(to, element)));
    return list;
  }

  Map<String, String> texts() {
    if (!value.isObject()) {
      throw wrong("an object");
    }
    Map<String, String> texts = new LinkedHashMap<>();
    value
        .properties()
        .forEach(member -> texts.put(member.getKey(), new Reply(to, member.getValue()).text()));
    return texts;
  }

  private BelljarException wrong(String wanted) {
    return new BelljarException(
        "The server's answer to "
            + to
            + " is not of the protocol: there is no "
            + wanted
            + " where one must be.");
  }
}
