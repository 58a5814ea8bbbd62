package dev.belljar.engine.deno;

import dev.belljar.BelljarException;
import dev.belljar.ChildProcess;
import dev.belljar.DenoRepl;
import dev.belljar.GuestConnection;
import dev.belljar.Sandbox;
import dev.belljar.SpawnOptions;
import dev.belljar.SpawnOptions.Stdio;
import dev.belljar.engine.fetch.GuestFetch;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An evaluator that was started before anybody asked for one, with the usual environment in the
 * usual directory. It becomes a sandbox's first where it is what a new one would be; otherwise it
 * is ended, and a new one started.
 */
public final class WaitingEvaluator implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(WaitingEvaluator.class);

  /**
   * Variables that Deno, Node's parts of it, V8 or the C library look at when a program starts, and
   * those that say where a user's files are.
   */
  private static final Pattern READ_AT_START =
      Pattern.compile(
          "(?i)((deno|node|npm|jsr|v8|ld|lc|glibc|malloc|rust|tokio|ssl|xdg|otel|http|https|all|no|force|uv)_.*"
              + "|no_?color|clicolor.*|path|home|user|logname|lang|language|tz|tzdir|term|colorterm|tmpdir|temp|tmp"
              + "|ci|shell|pwd|localdomain|res_options|hostaliases)");

  private static final int REHEARSALS = 5;

  /** It has nothing to do but this; starting a new one takes as long. */
  private static final long LONGEST_ANSWER_SECONDS = 3;

  private final Waiter waiter;
  private final ControlConnection control;

  /** The process and who has it. */
  public interface Waiter {
    /** The environment that it was started with. */
    Map<String, String> environment();

    /** What a new process of those options would get, where only that differs. */
    Optional<Map<String, String>> wanted(SpawnOptions options);

    /** The process, as one of the sandbox. */
    ChildProcess process(SpawnOptions options);

    /** Ends the process; does not wait for that. */
    void end();
  }

  /** How a port of the guest is connected to. */
  public interface Dialer {
    /** Connects. */
    GuestConnection dial(int port) throws IOException;
  }

  private WaitingEvaluator(Waiter waiter, ControlConnection control) {
    this.waiter = waiter;
    this.control = control;
  }

  /** Deno's arguments that make it an evaluator. */
  public static List<String> arguments() {
    return Evaluator.arguments();
  }

  /**
   * Connects to one that was just started, and has it answer some times; blocks until it did. What
   * a first question needs is translated and compiled by then.
   *
   * @param environment what it was started with
   */
  public static Answering connect(
      InputStream stdout, Map<String, String> environment, Dialer dialer) throws IOException {
    ControlConnection control = ControlConnection.open(stdout, dialer::dial);
    try {
      for (int i = 0; i < REHEARSALS; i++) {
        control.ask(Map.of("become", environment));
        control.ask(Map.of("code", "1 + 1"));
        control.ask(Map.of("call", "() => [1]", "args", List.of()));
      }
      return new Answering(control);
    } catch (IOException | RuntimeException e) {
      control.close();
      throw e;
    }
  }

  /** One that answers and belongs to no sandbox. */
  public static final class Answering {
    private final ControlConnection control;

    private Answering(ControlConnection control) {
      this.control = control;
    }

    /** As one that may become a sandbox's. */
    public WaitingEvaluator of(Waiter waiter) {
      return new WaitingEvaluator(waiter, control);
    }
  }

  /** Makes it an evaluator of that sandbox; empty, and ended, where it cannot be that. */
  Optional<DenoRepl> become(Sandbox sandbox, GuestFetch fetch, SpawnOptions options) {
    Optional<Map<String, String>> wanted =
        asNew(options) ? waiter.wanted(options) : Optional.empty();
    if (wanted.isPresent() && onlyLateOnesDiffer(wanted.get()) && took(wanted.get())) {
      ChildProcess process = waiter.process(withOutput(options));
      return Optional.of(Evaluator.of(sandbox, fetch, process, options, control));
    }
    close();
    return Optional.empty();
  }

  private static boolean asNew(SpawnOptions options) {
    return options.args().isEmpty()
        && options.stdin() == Stdio.NULL
        && options.stderr() != Stdio.NULL
        && options.terminal().isEmpty();
  }

  private boolean onlyLateOnesDiffer(Map<String, String> wanted) {
    Map<String, String> has = waiter.environment();
    return has.entrySet().stream()
            .filter(one -> !one.getValue().equals(wanted.get(one.getKey())))
            .noneMatch(one -> READ_AT_START.matcher(one.getKey()).matches())
        && wanted.entrySet().stream()
            .filter(one -> !one.getValue().equals(has.get(one.getKey())))
            .noneMatch(one -> READ_AT_START.matcher(one.getKey()).matches());
  }

  /** It may have been stopped meanwhile, and then takes neither the question nor answers it. */
  private boolean took(Map<String, String> environment) {
    FutureTask<Boolean> answer =
        new FutureTask<>(() -> Boolean.TRUE.equals(control.ask(Map.of("become", environment))));
    Thread.ofVirtual().name("hand-over of an evaluator").start(answer);
    try {
      return answer.get(LONGEST_ANSWER_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      // Which also ends that thread.
      close();
      throw new BelljarException("Interrupted while an evaluator started.", e);
    } catch (ExecutionException | TimeoutException e) {
      LOG.debug("An evaluator that waited does not answer", e);
      return false;
    }
  }

  /** Its output was piped; where the user wants it otherwise, that is done here. */
  private static SpawnOptions withOutput(SpawnOptions options) {
    return new SpawnOptions(
        options.args(),
        options.cwd(),
        options.clearEnv(),
        options.env(),
        options.stdin(),
        Stdio.PIPED,
        options.stderr(),
        options.user(),
        options.terminal());
  }

  @Override
  public void close() {
    control.close();
    waiter.end();
  }
}
