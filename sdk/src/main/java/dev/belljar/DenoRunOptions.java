package dev.belljar;

import java.util.List;

/**
 * What Deno is to run, and how. Immutable.
 *
 * @param source the program
 * @param process the process; its arguments are what {@code Deno.args} says
 */
public record DenoRunOptions(Source source, SpawnOptions process) {

  /** A program. */
  public sealed interface Source permits Entrypoint, Code {}

  /**
   * A module in the sandbox.
   *
   * @param path a path, relative to the working directory, or a URL
   * @param watch whether Deno starts it again when a file of it changes
   * @param watched further paths to watch; none without {@code watch}
   */
  public record Entrypoint(String path, boolean watch, List<String> watched) implements Source {
    /** Checks the path. */
    public Entrypoint {
      watched = List.copyOf(watched);
      if (path.isEmpty() || path.indexOf('\0') >= 0) {
        throw new InvalidOptionException("An entrypoint cannot be empty or hold NUL.");
      }
      if (!watch && !watched.isEmpty()) {
        throw new InvalidOptionException("Paths to watch need watching to be switched on.");
      }
    }
  }

  /**
   * A module as text; imports are relative to the working directory.
   *
   * @param text the module
   * @param extension which language it is
   */
  public record Code(String text, Extension extension) implements Source {}

  /** Languages, by the ending that a file of each would have. */
  public enum Extension {
    /** JavaScript. */
    JS,
    /** JavaScript, a CommonJS module. */
    CJS,
    /** JavaScript, an ES module. */
    MJS,
    /** TypeScript. */
    TS,
    /** TypeScript, a CommonJS module. */
    CTS,
    /** TypeScript, an ES module. */
    MTS,
    /** JavaScript with JSX. */
    JSX,
    /** TypeScript with JSX. */
    TSX;

    /** The ending, without a dot. */
    public String ending() {
      return name().toLowerCase(java.util.Locale.ROOT);
    }
  }

  /** TypeScript code, its output piped. */
  public static DenoRunOptions code(String text) {
    return code(text, Extension.TS);
  }

  /** Code, its output piped. */
  public static DenoRunOptions code(String text, Extension extension) {
    return new DenoRunOptions(new Code(text, extension), SpawnOptions.builder().piped().build());
  }

  /** A module of the sandbox, its output piped. */
  public static DenoRunOptions entrypoint(String path) {
    return new DenoRunOptions(
        new Entrypoint(path, false, List.of()), SpawnOptions.builder().piped().build());
  }

  /** The same program in a process of those options. */
  public DenoRunOptions in(SpawnOptions options) {
    return new DenoRunOptions(source, options);
  }
}
