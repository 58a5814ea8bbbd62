package dev.belljar;

import java.util.Optional;

/**
 * What JavaScript or TypeScript code threw in a {@link DenoRepl}. Its {@link #getCause() cause} is
 * the thrown error's {@code cause}, as an exception of the same kind.
 */
public class ScriptException extends BelljarException {
  private static final long serialVersionUID = 1L;

  private final ScriptError error;

  /** Made by engines. */
  public ScriptException(ScriptError error) {
    super(error.message(), error.cause().map(ScriptException::new).orElse(null));
    this.error = error;
  }

  /** All that is known of it, with the errors that it carries. */
  public ScriptError error() {
    return error;
  }

  /** The name of the thrown object's class, for example {@code TypeError}. */
  public String constructorName() {
    return error.constructorName();
  }

  /** The thrown object's {@code name}. */
  public String errorName() {
    return error.name();
  }

  /** The thrown object's {@code code}, where that is a text, for example {@code ENOENT}. */
  public Optional<String> code() {
    return error.code();
  }

  /** The thrown object's {@code stack}. */
  public Optional<String> scriptStack() {
    return error.stack();
  }
}
