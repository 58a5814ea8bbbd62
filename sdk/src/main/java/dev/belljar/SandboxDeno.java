package dev.belljar;

import org.jspecify.annotations.Nullable;

/**
 * Deno in a sandbox: programs, and evaluators that keep their state. Programs run with all of
 * Deno's permissions (what confines them is the sandbox). Every method blocks.
 */
public interface SandboxDeno {

  /**
   * Starts a program; see {@link DenoRunOptions}.
   *
   * @throws NotFoundException where the working directory is not there; an entrypoint that is not
   *     there is the program's own failure
   */
  DenoProcess run(DenoRunOptions options);

  /** Starts TypeScript code, its output piped. */
  default DenoProcess run(String code) {
    return run(DenoRunOptions.code(code));
  }

  /** Starts an evaluator, its output piped. Close it. */
  default DenoRepl repl() {
    return repl(SpawnOptions.builder().piped().build());
  }

  /** Starts an evaluator; the arguments are what {@code Deno.args} says. Close it. */
  DenoRepl repl(SpawnOptions options);

  /**
   * Evaluates code in an evaluator of its own.
   *
   * @return as {@link DenoRepl#eval}
   * @throws ScriptException what the code threw
   */
  default @Nullable Object eval(String code) {
    try (DenoRepl repl = repl()) {
      return repl.eval(code);
    }
  }
}
