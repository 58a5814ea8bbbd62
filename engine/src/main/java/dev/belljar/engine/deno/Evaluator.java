package dev.belljar.engine.deno;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.belljar.BelljarException;
import dev.belljar.ChildProcess;
import dev.belljar.ChildProcessStatus;
import dev.belljar.DenoRepl;
import dev.belljar.ProcessEndedException;
import dev.belljar.Sandbox;
import dev.belljar.SandboxClosedException;
import dev.belljar.SandboxPausedException;
import dev.belljar.SpawnOptions;
import dev.belljar.SpawnOptions.Stdio;
import dev.belljar.engine.fetch.GuestFetch;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Deno running {@code repl.mjs}, which says on the first line of its stdout where it takes
 * requests. That line is taken out here; the rest of the streams is the user's.
 */
final class Evaluator extends Program implements DenoRepl {
  private static final List<String> DRIVER = List.of("eval", "--no-lock", "--ext=mjs", driver());
  private static final int LONGEST_COMPLAINT = 2048;
  private static final long START_SECONDS = 60;
  private static final long END_SECONDS = 2;

  private final Sandbox sandbox;
  private final ControlConnection control;

  private Evaluator(
      Sandbox sandbox,
      GuestFetch fetch,
      ChildProcess child,
      SpawnOptions options,
      ControlConnection control) {
    super(sandbox, fetch, child, options, new Piped(true, false));
    this.sandbox = sandbox;
    this.control = control;
  }

  static Evaluator start(Sandbox sandbox, GuestFetch fetch, SpawnOptions options) {
    ChildProcess child = spawn(sandbox, DRIVER, options, new Piped(true, false));
    FutureTask<ControlConnection> greeting =
        new FutureTask<>(() -> ControlConnection.open(child.stdout(), sandbox::dial));
    Thread.ofVirtual().name("start of evaluator " + child.pid()).start(greeting);
    try {
      ControlConnection control = greeting.get(START_SECONDS, TimeUnit.SECONDS);
      return new Evaluator(sandbox, fetch, child, options, control);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      abandon(child, greeting);
      throw new BelljarException("Interrupted while an evaluator started.", e);
    } catch (TimeoutException e) {
      abandon(child, greeting);
      throw new BelljarException(
          "The evaluator did not start within " + START_SECONDS + " s and was ended.", e);
    } catch (ExecutionException e) {
      throw notStarted(child, options, e.getCause() == null ? e : e.getCause());
    }
  }

  /** Deno's arguments that make it one. */
  static List<String> arguments() {
    return DRIVER;
  }

  /** One that waited; its process is the sandbox's now. */
  static Evaluator of(
      Sandbox sandbox,
      GuestFetch fetch,
      ChildProcess child,
      SpawnOptions options,
      ControlConnection control) {
    return new Evaluator(sandbox, fetch, child, options, control);
  }

  @Override
  public @Nullable Object eval(String code) {
    return ask(Map.of("code", code));
  }

  @Override
  public @Nullable Object call(String function, List<?> arguments) {
    PlainData.check(arguments, 0);
    return ask(Map.of("call", function, "args", arguments));
  }

  /** Lets it end by itself, unless it is busy; then ends it. */
  @Override
  public void close() {
    if (!statusFuture().isDone() && !control.isBusy() && !sandbox.isPaused()) {
      try {
        control.finish();
        statusFuture().get(END_SECONDS, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      } catch (IOException | ExecutionException | TimeoutException e) {
        // Then it is not asked.
      }
    }
    super.close();
    control.close();
  }

  private @Nullable Object ask(Map<String, Object> request) {
    if (sandbox.isPaused()) {
      // Its connection would take the question, and answer it some day.
      throw new SandboxPausedException("Sandbox " + sandbox.id() + " is paused. Resume it first.");
    }
    try {
      return control.ask(request);
    } catch (InterruptedIOException e) {
      throw new BelljarException("Interrupted while waiting for evaluator " + pid() + ".", e);
    } catch (IOException e) {
      throw ended(e);
    }
  }

  /** Why there is no answer: mostly because the process has just ended. */
  private BelljarException ended(IOException cause) {
    try {
      ChildProcessStatus status = statusFuture().get(END_SECONDS, TimeUnit.SECONDS);
      return new ProcessEndedException(
          "Evaluator " + pid() + " has ended (exit code " + status.code() + "): no answer comes.",
          cause);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException e) {
      // The sandbox has ended, and this says so.
      status();
    } catch (TimeoutException e) {
      super.close();
    }
    return new BelljarException(
        "Evaluator " + pid() + " broke off and was ended: " + cause.getMessage() + ".", cause);
  }

  private static void abandon(ChildProcess child, FutureTask<ControlConnection> greeting) {
    child.close();
    greeting.cancel(true);
    // Its connection, where it came to that, ends with the process.
  }

  private static BelljarException notStarted(
      ChildProcess child, SpawnOptions options, Throwable why) {
    try (child) {
      if (why instanceof SandboxClosedException known) {
        throw known;
      }
      String complaint = "";
      if (options.stderr() == Stdio.PIPED && options.terminal().isEmpty()) {
        complaint =
            Optional.of(complaint(child))
                .filter(text -> !text.isEmpty())
                .map(text -> " It says: " + text)
                .orElse("");
      }
      return new BelljarException(
          "The evaluator did not start: " + why.getMessage() + "." + complaint, why);
    }
  }

  /** What it printed by now. */
  private static String complaint(ChildProcess child) {
    try {
      child.statusFuture().get(END_SECONDS, TimeUnit.SECONDS);
      InputStream stderr = child.stderr();
      return new String(stderr.readNBytes(Math.min(stderr.available(), LONGEST_COMPLAINT)), UTF_8)
          .strip();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return "";
    } catch (IOException | ExecutionException | TimeoutException e) {
      return "";
    }
  }

  private static String driver() {
    try (InputStream resource = Evaluator.class.getResourceAsStream("repl.mjs")) {
      if (resource == null) {
        throw new IllegalStateException("repl.mjs is missing from the engine.");
      }
      return new String(resource.readAllBytes(), UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
