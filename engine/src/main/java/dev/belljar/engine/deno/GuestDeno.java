package dev.belljar.engine.deno;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.belljar.BelljarException;
import dev.belljar.DenoProcess;
import dev.belljar.DenoRepl;
import dev.belljar.DenoRunOptions;
import dev.belljar.DenoRunOptions.Code;
import dev.belljar.DenoRunOptions.Entrypoint;
import dev.belljar.FileSystemOperationException;
import dev.belljar.NotFoundException;
import dev.belljar.Sandbox;
import dev.belljar.SandboxClosedException;
import dev.belljar.SandboxDeno;
import dev.belljar.SandboxFs;
import dev.belljar.SpawnOptions;
import dev.belljar.engine.fetch.GuestFetch;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Deno in a sandbox: the one on its {@code PATH}. */
public final class GuestDeno implements SandboxDeno {
  private static final Logger LOG = LoggerFactory.getLogger(GuestDeno.class);

  /** MAX_ARG_STRLEN of Linux, less the NUL behind an argument. */
  private static final int LARGEST_ARGUMENT = (128 << 10) - 1;

  private static final int READABLE_BY_ALL = 0644;
  private static final Pattern URL = Pattern.compile("[A-Za-z][A-Za-z0-9+.-]*:.*", Pattern.DOTALL);

  private final Sandbox sandbox;
  private final GuestFetch fetch;
  private final AtomicReference<Optional<WaitingEvaluator>> waiting;
  private final AtomicReference<@Nullable Thread> ending = new AtomicReference<>();

  /**
   * Runs programs in that sandbox.
   *
   * @param waiting an evaluator that was started ahead of time
   */
  public GuestDeno(Sandbox sandbox, GuestFetch fetch, Optional<WaitingEvaluator> waiting) {
    this.sandbox = sandbox;
    this.fetch = fetch;
    this.waiting = new AtomicReference<>(waiting);
  }

  @Override
  public DenoProcess run(DenoRunOptions options) {
    return switch (options.source()) {
      case Code code -> run(code, options.process());
      case Entrypoint entrypoint -> run(entrypoint, options.process());
    };
  }

  @Override
  public DenoRepl repl(SpawnOptions options) {
    // The first gets it, or nobody: it is not what a new one would be for long.
    // While the sandbox is paused nobody gets any, and the start of a new one says so.
    Optional<WaitingEvaluator> ready =
        sandbox.isPaused() ? Optional.empty() : waiting.getAndSet(Optional.empty());
    return ready
        .flatMap(one -> one.become(sandbox, fetch, options))
        .orElseGet(() -> Evaluator.start(sandbox, fetch, options));
  }

  /** Nobody sees its output: it ends while the caller goes on, and before the next begins. */
  @Override
  public @Nullable Object eval(String code) {
    joinLast();
    DenoRepl repl = repl();
    try {
      return repl.eval(code);
    } finally {
      ending.set(Thread.ofVirtual().name("end of evaluator " + repl.pid()).start(repl::close));
    }
  }

  private void joinLast() {
    Thread last = ending.getAndSet(null);
    if (last == null) {
      return;
    }
    try {
      last.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BelljarException("Interrupted while an evaluator ended.", e);
    }
  }

  private DenoProcess run(Entrypoint entrypoint, SpawnOptions process) {
    List<String> args = new ArrayList<>(List.of("run", "--allow-all"));
    if (entrypoint.watch()) {
      args.add("--no-clear-screen");
      // Deno takes a list with commas; a comma of a path is said twice.
      List<String> watched =
          entrypoint.watched().stream().map(path -> path.replace(",", ",,")).toList();
      args.add(watched.isEmpty() ? "--watch" : "--watch=" + String.join(",", watched));
    }
    // A bare word would be a task of the project before it is a file.
    String path = entrypoint.path();
    args.add(path.startsWith("/") || URL.matcher(path).matches() ? path : "./" + path);
    return Program.start(sandbox, fetch, args, process, entrypoint.watch());
  }

  private DenoProcess run(Code code, SpawnOptions process) {
    String text = code.text();
    if (text.indexOf('\0') >= 0 || text.getBytes(UTF_8).length >= LARGEST_ARGUMENT) {
      return runFile(code, process);
    }
    // What begins with a dash, or is empty, must not be taken for an option or its absence.
    String argument = text.isEmpty() || text.startsWith("-") ? " " + text : text;
    return Program.start(sandbox, fetch, evaluating(argument, code.extension()), process, false);
  }

  /** Deno's arguments for a program that is itself one. */
  public static List<String> evaluating(String code, DenoRunOptions.Extension extension) {
    return List.of("eval", "--no-lock", "--ext=" + extension.ending(), code);
  }

  /**
   * Runs code that no argument can hold from a file of its own. It is in the working directory,
   * where its imports begin, and goes when the program has ended.
   */
  private DenoProcess runFile(Code code, SpawnOptions process) {
    SandboxFs fs = sandbox.fs();
    String file =
        fs.makeTempFile(process.cwd().orElse("."), ".belljar-", "." + code.extension().ending());
    try {
      fs.writeTextFile(file, code.text());
      // The program may be another user's.
      fs.chmod(file, READABLE_BY_ALL);
      String name = "./" + file.substring(file.lastIndexOf('/') + 1);
      DenoProcess program =
          Program.start(
              sandbox, fetch, List.of("run", "--allow-all", "--no-lock", name), process, false);
      Thread.ofVirtual().name("file of " + program.pid()).start(() -> removeAfter(program, file));
      return program;
    } catch (RuntimeException e) {
      removeQuietly(file);
      throw e;
    }
  }

  private void removeAfter(DenoProcess program, String file) {
    try {
      program.status();
    } catch (SandboxClosedException e) {
      return;
    }
    removeQuietly(file);
  }

  private void removeQuietly(String file) {
    try {
      sandbox.fs().remove(file);
    } catch (SandboxClosedException | NotFoundException e) {
      // It is gone.
    } catch (FileSystemOperationException e) {
      LOG.debug("'{}' of sandbox {} could not be removed.", file, sandbox.id(), e);
    }
  }
}
