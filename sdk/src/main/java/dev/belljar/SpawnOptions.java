package dev.belljar;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * How a process is started. Immutable; made by {@link #builder()}.
 *
 * @param args the arguments after the command
 * @param cwd the working directory, absolute or relative to the sandbox's; empty is the sandbox's
 * @param clearEnv whether the sandbox's environment is left out
 * @param env environment variables, above the sandbox's
 * @param stdin {@link Stdio#PIPED} or {@link Stdio#NULL} (the default)
 * @param stdout where output goes; default {@link Stdio#INHERIT}
 * @param stderr where errors go; default {@link Stdio#INHERIT}
 * @param user whom it runs as: a name in the guest, default {@code app}
 * @param terminal a pseudo-terminal instead of pipes; stdin and stdout are then piped and stderr is
 *     part of stdout
 */
public record SpawnOptions(
    List<String> args,
    Optional<String> cwd,
    boolean clearEnv,
    Map<String, String> env,
    Stdio stdin,
    Stdio stdout,
    Stdio stderr,
    String user,
    Optional<TerminalSize> terminal) {

  /** Where a standard stream of a process leads. */
  public enum Stdio {
    /** To the caller, as a stream of {@link ChildProcess}. */
    PIPED,
    /** Nowhere. */
    NULL,
    /** To this program's own standard stream; not for stdin. */
    INHERIT
  }

  /**
   * The size of a terminal in characters.
   *
   * @param rows 1 to 65535
   * @param columns 1 to 65535
   */
  public record TerminalSize(int rows, int columns) {
    /** Checks the bounds. */
    public TerminalSize {
      if (rows < 1 || rows > 65_535 || columns < 1 || columns > 65_535) {
        throw new InvalidOptionException("A terminal of " + rows + " × " + columns + " cannot be.");
      }
    }
  }

  /** Checks what can be checked without a host. */
  public SpawnOptions {
    args = List.copyOf(args);
    env = Map.copyOf(env);
    env.forEach(SandboxEnv::check);
    for (String arg : args) {
      if (arg.indexOf('\0') >= 0) {
        throw new InvalidOptionException("An argument holds NUL, which no program can be given.");
      }
    }
    if (terminal.isPresent() && (stdin != Stdio.PIPED || stdout != Stdio.PIPED)) {
      throw new InvalidOptionException("A terminal needs stdin and stdout piped.");
    }
    if (stdin == Stdio.INHERIT) {
      throw new InvalidOptionException("stdin can be piped or null, not inherited.");
    }
  }

  /** The defaults. */
  public static Builder builder() {
    return new Builder();
  }

  /** Collects options; every method returns the builder. */
  public static final class Builder {
    private final List<String> args = new ArrayList<>();
    private Optional<String> cwd = Optional.empty();
    private boolean clearEnv;
    private final Map<String, String> env = new LinkedHashMap<>();
    private Stdio stdin = Stdio.NULL;
    private Stdio stdout = Stdio.INHERIT;
    private Stdio stderr = Stdio.INHERIT;
    private String user = "app";
    private Optional<TerminalSize> terminal = Optional.empty();

    private Builder() {}

    /** Adds arguments. */
    public Builder args(String... arguments) {
      return args(List.of(arguments));
    }

    /** Adds arguments. */
    public Builder args(List<String> arguments) {
      args.addAll(arguments);
      return this;
    }

    /** The working directory. */
    public Builder cwd(String directory) {
      cwd = Optional.of(directory);
      return this;
    }

    /** Leaves the sandbox's environment out. */
    public Builder clearEnv() {
      clearEnv = true;
      return this;
    }

    /** Adds an environment variable. */
    public Builder env(String key, String value) {
      env.put(key, value);
      return this;
    }

    /** Adds environment variables. */
    public Builder env(Map<String, String> variables) {
      env.putAll(variables);
      return this;
    }

    /** Where standard input comes from. */
    public Builder stdin(Stdio stdio) {
      stdin = stdio;
      return this;
    }

    /** Where standard output goes. */
    public Builder stdout(Stdio stdio) {
      stdout = stdio;
      return this;
    }

    /** Where standard error goes. */
    public Builder stderr(Stdio stdio) {
      stderr = stdio;
      return this;
    }

    /** Pipes standard output and standard error. */
    public Builder piped() {
      return stdout(Stdio.PIPED).stderr(Stdio.PIPED);
    }

    /** Whom it runs as: a name in the guest, or {@code uid:gid}. */
    public Builder user(String name) {
      user = name;
      return this;
    }

    /**
     * Gives it a pseudo-terminal; standard input and output are piped, standard error is part of
     * the output.
     */
    public Builder terminal(int rows, int columns) {
      terminal = Optional.of(new TerminalSize(rows, columns));
      return stdin(Stdio.PIPED).stdout(Stdio.PIPED).stderr(Stdio.NULL);
    }

    /**
     * The options.
     *
     * @throws InvalidOptionException where one is out of its bounds
     */
    public SpawnOptions build() {
      return new SpawnOptions(args, cwd, clearEnv, env, stdin, stdout, stderr, user, terminal);
    }
  }
}
