package dev.belljar.engine.deno;

import dev.belljar.ScriptError;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What an evaluator says was thrown, read with the bounds that {@code repl.mjs} keeps: anything can
 * be at the other end.
 */
final class ThrownError {
  private static final int MOST_ERRORS = 64;
  private static final int DEEPEST = 8;

  private int errors;

  /** Characters that all texts may still have. */
  private int room = 1 << 20;

  private ThrownError() {}

  static ScriptError read(Map<?, ?> error) {
    return new ThrownError().error(error, 1);
  }

  private ScriptError error(Map<?, ?> error, int depth) {
    errors++;
    return new ScriptError(
        text(error, "constructorName").orElse("Error"),
        text(error, "name").orElse("Error"),
        text(error, "message").orElse(""),
        text(error, "code"),
        text(error, "stack"),
        carried(error.get("cause"), depth),
        list(error.get("errors"), depth),
        carried(error.get("error"), depth),
        carried(error.get("suppressed"), depth));
  }

  private Optional<String> text(Map<?, ?> error, String key) {
    if (!(error.get(key) instanceof String text)) {
      return Optional.empty();
    }
    String cut = text.length() > room ? text.substring(0, room) : text;
    room -= cut.length();
    return Optional.of(cut);
  }

  private Optional<ScriptError> carried(@Nullable Object error, int depth) {
    return error instanceof Map<?, ?> members && depth < DEEPEST && errors < MOST_ERRORS
        ? Optional.of(error(members, depth + 1))
        : Optional.empty();
  }

  private List<ScriptError> list(@Nullable Object list, int depth) {
    return list instanceof Collection<?> items
        ? items.stream().flatMap(item -> carried(item, depth).stream()).toList()
        : List.of();
  }
}
