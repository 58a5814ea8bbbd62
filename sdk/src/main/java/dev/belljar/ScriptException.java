package dev.belljar;

import java.util.Optional;

/** What JavaScript or TypeScript code threw in a {@link DenoRepl}. */
public class ScriptException extends BelljarException {
  private static final long serialVersionUID = 1L;

  private final String constructorName;
  private final String errorName;
  private final Optional<String> scriptStack;

  /**
   * Made by engines.
   *
   * @param constructorName the name of the thrown object's class, for example {@code TypeError}
   * @param errorName its {@code name}
   * @param message its {@code message}, or the thrown value as text
   * @param scriptStack its {@code stack}
   */
  public ScriptException(
      String constructorName, String errorName, String message, Optional<String> scriptStack) {
    super(message);
    this.constructorName = constructorName;
    this.errorName = errorName;
    this.scriptStack = scriptStack;
  }

  /** The name of the thrown object's class, for example {@code TypeError}. */
  public String constructorName() {
    return constructorName;
  }

  /** The thrown object's {@code name}. */
  public String errorName() {
    return errorName;
  }

  /** The thrown object's {@code stack}. */
  public Optional<String> scriptStack() {
    return scriptStack;
  }
}
