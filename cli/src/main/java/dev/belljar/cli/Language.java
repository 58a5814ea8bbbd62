package dev.belljar.cli;

import dev.belljar.InvalidOptionException;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/** A language that scripts are written in, and what runs them in the sandbox. */
@SuppressWarnings("ImmutableEnumChecker") // its lists are those of List.of
enum Language {
  /** With all of Deno's permissions: the sandbox is the boundary. */
  DENO(
      List.of("deno", "run", "--allow-all"),
      List.of("deno", "ts", "typescript"),
      List.of("ts", "mts", "tsx", "jsx")),
  NODE(
      List.of("node"),
      List.of("node", "js", "mjs", "cjs", "javascript"),
      List.of("js", "mjs", "cjs")),
  /** Unbuffered, so that output comes when it is written. */
  PYTHON(List.of("python3", "-u"), List.of("python", "py", "python3"), List.of("py")),
  BASH(List.of("bash"), List.of("bash", "sh", "shell"), List.of("sh", "bash"));

  private static final String CHOICE =
      "Choose with --lang deno, node, python or bash (or ts, js, py, sh).";

  private final List<String> interpreter;
  private final List<String> names;
  private final List<String> extensions;

  Language(List<String> interpreter, List<String> names, List<String> extensions) {
    this.interpreter = interpreter;
    this.names = names;
    this.extensions = extensions;
  }

  /**
   * The language of that name.
   *
   * @throws InvalidOptionException where there is none
   */
  static Language named(String name) {
    return Stream.of(values())
        .filter(language -> language.names.contains(name.toLowerCase(Locale.ROOT)))
        .findFirst()
        .orElseThrow(
            () ->
                new InvalidOptionException(
                    "'" + name + "' is not a language that a sandbox runs. " + CHOICE));
  }

  /**
   * The language of a file, by its name's extension.
   *
   * @throws InvalidOptionException where that does not tell
   */
  static Language ofFile(String fileName) {
    String extension = extension(fileName);
    return Stream.of(values())
        .filter(language -> language.extensions.contains(extension))
        .findFirst()
        .orElseThrow(
            () ->
                new InvalidOptionException(
                    "The name of "
                        + fileName
                        + " does not tell its language: known are .ts, .js, .mjs, .py and .sh. "
                        + CHOICE));
  }

  /** The interpreter with its options; the script's path follows. */
  List<String> interpreter() {
    return interpreter;
  }

  /**
   * The name that a script gets that comes without one: what the user called the language tells a
   * module from a classic script.
   */
  static String scriptName(String languageName) {
    String name = languageName.toLowerCase(Locale.ROOT);
    Optional<String> extension =
        Stream.of(values())
            .flatMap(language -> language.extensions.stream())
            .filter(name::equals)
            .findFirst();
    return "stdin." + extension.orElseGet(() -> named(name).extensions.getFirst());
  }

  private static String extension(String fileName) {
    int dot = fileName.lastIndexOf('.');
    return dot < 0 ? "" : fileName.substring(dot + 1).toLowerCase(Locale.ROOT);
  }
}
