package dev.belljar;

import java.util.List;
import java.util.Optional;

/**
 * An error of JavaScript as plain data, with the errors that it carries: at most 64 altogether, 8
 * levels deep. What is beyond that, and what was carried but is no error, is left out.
 *
 * @param constructorName the name of its class, for example {@code TypeError}
 * @param name its {@code name}
 * @param message its {@code message}; for a thrown value that is no error, the value as text
 * @param code its {@code code}, where that is a text, for example {@code ENOENT}
 * @param stack its {@code stack}
 * @param cause its {@code cause}
 * @param errors its {@code errors}, as an {@code AggregateError} has them
 * @param error its {@code error}, as a {@code SuppressedError} has it
 * @param suppressed its {@code suppressed}, as a {@code SuppressedError} has it
 */
public record ScriptError(
    String constructorName,
    String name,
    String message,
    Optional<String> code,
    Optional<String> stack,
    Optional<ScriptError> cause,
    List<ScriptError> errors,
    Optional<ScriptError> error,
    Optional<ScriptError> suppressed) {

  /** Copies the list. */
  public ScriptError {
    errors = List.copyOf(errors);
  }

  /** An error that carries no others. */
  public ScriptError(
      String constructorName,
      String name,
      String message,
      Optional<String> code,
      Optional<String> stack) {
    this(
        constructorName,
        name,
        message,
        code,
        stack,
        Optional.empty(),
        List.of(),
        Optional.empty(),
        Optional.empty());
  }
}
