package dev.belljar;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An evaluator of JavaScript and TypeScript whose state lasts from call to call, made by {@link
 * SandboxDeno#repl}. Calls are done one after another.
 *
 * <p>Values are plain data, as JSON has it: {@code null}, {@link Boolean}, {@link Long} or {@link
 * Double}, {@link String}, {@link List} and {@link java.util.Map}. What JSON lacks is turned into
 * what comes nearest: {@code undefined} and functions into {@code null}, dates and big integers
 * into text, a {@code Map} into a list of pairs, a {@code Set} and a typed array into a list, an
 * error into its name, message and stack, a promise into what it comes to. A value is at most 64
 * MiB as JSON, two million single values, 500 levels deep.
 *
 * <p>An interrupt gives a call up, not its code. Where that only waits, other calls go on beside
 * it. Where it is busy, as in {@code while (true);}, nothing can stop it but the end of the
 * evaluator: {@link #close} or {@link #kill}; until then other calls wait.
 *
 * <p>Code may replace and delete globals and the methods of built-in objects, and its values still
 * arrive. It can break its own evaluator all the same, for example by changing {@code
 * Promise.prototype.constructor}, {@code RegExp.prototype.exec}, {@code Function.prototype.call} or
 * {@code Object.prototype.then}, which V8 and Deno use themselves. Answers come from the sandbox
 * and are to be trusted as little as the code.
 *
 * <p>Closing an evaluator lets it end by itself if it is idle, and kills it otherwise.
 */
public interface DenoRepl extends DenoProcess {

  /**
   * Evaluates code. {@code await} may stand anywhere; {@code let} and {@code const} may be said
   * anew.
   *
   * @return the value of the last expression
   * @throws ScriptException what the code threw, or that it does not parse
   * @throws ProcessEndedException where the evaluator has ended, for example because the code exits
   */
  @Nullable Object eval(String code);

  /**
   * Calls a function with plain data.
   *
   * @param function an expression that is a function, for example {@code add} or {@code (a, b) => a
   *     + b}
   * @return what it returns, or what the promise that it returns comes to
   * @throws ScriptException what the function threw
   */
  @Nullable Object call(String function, List<?> arguments);
}
