package dev.belljar.server.api;

import dev.belljar.PageRequest;
import dev.belljar.server.sandboxes.RefusedException;
import dev.belljar.server.store.SandboxRecord;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Which sandboxes, volumes or snapshots are asked for. A query that cannot be read is refused: a
 * filter that was passed over would show, and let end, what was not meant.
 */
final class ListQuery {
  private static final Pattern LABEL = Pattern.compile("labels\\[(.+)]", Pattern.DOTALL);
  private static final Pattern PRINTABLE = Pattern.compile("[!-~]*");
  private static final int DEFAULT_PAGE = 100;

  /** Of what is handed on to storage, whose cursors and slugs are shorter. */
  private static final int LONGEST = 200;

  private final Map<String, List<String>> parameters;

  private ListQuery(Map<String, List<String>> parameters) {
    this.parameters = parameters;
  }

  /**
   * Reads the query of a URL as it was sent.
   *
   * @throws RefusedException where it is not percent-encoded UTF-8
   */
  static ListQuery of(@Nullable String query) {
    Map<String, List<String>> parameters = new LinkedHashMap<>();
    for (String parameter : (query == null ? "" : query).split("&", -1)) {
      if (!parameter.isEmpty()) {
        int end = parameter.indexOf('=');
        String name = end < 0 ? parameter : parameter.substring(0, end);
        String value = end < 0 ? "" : parameter.substring(end + 1);
        parameters.computeIfAbsent(decode(name), each -> new ArrayList<>()).add(decode(value));
      }
    }
    return new ListQuery(parameters);
  }

  private static String decode(String text) {
    try {
      if (!PRINTABLE.matcher(text).matches()) {
        throw new IllegalArgumentException("not encoded");
      }
      // As bytes first: the decoder of the JDK puts something in the place of what is no UTF-8.
      byte[] bytes =
          URLDecoder.decode(text, StandardCharsets.ISO_8859_1)
              .getBytes(StandardCharsets.ISO_8859_1);
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (IllegalArgumentException | CharacterCodingException e) {
      throw new RefusedException(
          400, "INVALID_REQUEST", "The query must be percent-encoded UTF-8.", e);
    }
  }

  /** All of which must match; their bounds are the store's to check. */
  Map<String, String> labels() {
    Map<String, String> labels = new HashMap<>();
    parameters.forEach(
        (name, values) -> {
          if (name.startsWith("labels")) {
            Matcher matcher = LABEL.matcher(name);
            if (!matcher.matches() || values.size() > 1) {
              throw invalid("Labels are asked for by labels[NAME]=VALUE, each name once.");
            }
            labels.put(matcher.group(1), values.getFirst());
          }
        });
    return labels;
  }

  Optional<SandboxRecord.Status> status() {
    return switch (first("status").orElse("")) {
      case "" -> Optional.empty();
      case "running" -> Optional.of(SandboxRecord.Status.RUNNING);
      case "stopped" -> Optional.of(SandboxRecord.Status.STOPPED);
      default -> throw invalid("'status' must be running or stopped.");
    };
  }

  /** A page of volumes or snapshots; the cursor is the engine's to read. */
  PageRequest page() {
    Optional<String> search = first("search").filter(text -> !text.isEmpty());
    if (Stream.concat(search.stream(), cursor().stream())
        .anyMatch(text -> text.length() > LONGEST || text.chars().anyMatch(c -> c < ' '))) {
      throw invalid(
          "'search' and 'cursor' have at most "
              + LONGEST
              + " characters and no control characters.");
    }
    return new PageRequest(cursor(), limit(), search);
  }

  /** Ours: whether what is deleted, and not yet removed, counts as being there. */
  boolean deleted() {
    return switch (first("deleted").orElse("false")) {
      case "true" -> true;
      case "false" -> false;
      default -> throw invalid("'deleted' must be true or false.");
    };
  }

  Optional<String> cursor() {
    return first("cursor");
  }

  int limit() {
    try {
      return first("limit").map(Integer::parseInt).orElse(DEFAULT_PAGE);
    } catch (NumberFormatException e) {
      throw invalid("'limit' must be a number.");
    }
  }

  /** The query for the same list from a cursor on. */
  String from(String cursor) {
    StringBuilder query = new StringBuilder("?limit=" + limit() + "&cursor=" + encode(cursor));
    parameters.forEach(
        (name, values) -> {
          if (!name.equals("cursor") && !name.equals("limit")) {
            values.forEach(
                value -> query.append('&').append(encode(name)).append('=').append(encode(value)));
          }
        });
    return query.toString();
  }

  private Optional<String> first(String name) {
    return Optional.ofNullable(parameters.get(name)).map(List::getFirst);
  }

  private static RefusedException invalid(String message) {
    return new RefusedException(400, "INVALID_REQUEST", message);
  }

  private static String encode(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }
}
