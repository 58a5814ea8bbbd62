package dev.belljar.engine;

import dev.belljar.ChildProcess;
import dev.belljar.DenoRunOptions.Extension;
import dev.belljar.Signal;
import dev.belljar.SpawnOptions;
import dev.belljar.engine.agent.Agent;
import dev.belljar.engine.agent.AgentErrorException;
import dev.belljar.engine.agent.AgentProcess;
import dev.belljar.engine.agent.AgentStream;
import dev.belljar.engine.deno.GuestDeno;
import dev.belljar.engine.deno.WaitingEvaluator;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An evaluator in a machine that waits: started there, and not in the template, since a process
 * that is frozen has drawn its randomness, and all that go on from it have the same.
 */
final class WarmDeno {
  private static final Logger LOG = LoggerFactory.getLogger(WarmDeno.class);

  /** Where sandboxes are unless they say otherwise. */
  static final String DIRECTORY = "/home/app";

  static final String USER = "app";
  static final int UMASK = 022;
  private static final long START_SECONDS = 60;

  private final AgentProcess process;
  private final WaitingEvaluator.Answering evaluator;

  private WarmDeno(AgentProcess process, WaitingEvaluator.Answering evaluator) {
    this.process = process;
    this.evaluator = evaluator;
  }

  /**
   * Starts a program as {@code deno.run} would. The machine has what that needs translated, and in
   * its memory, when it ends.
   */
  static AgentProcess rehearse(Agent agent) throws IOException, AgentErrorException {
    return spawn(agent, GuestDeno.evaluating("0", Extension.TS));
  }

  /** Starts an evaluator's process; it is not ready yet. */
  static AgentProcess spawn(Agent agent) throws IOException, AgentErrorException {
    return spawn(agent, WaitingEvaluator.arguments());
  }

  private static AgentProcess spawn(Agent agent, List<String> arguments)
      throws IOException, AgentErrorException {
    List<String> command = new ArrayList<>(List.of("deno"));
    command.addAll(arguments);
    List<String> environment = new ArrayList<>();
    LocalEnv.DEFAULTS.forEach((name, value) -> environment.add(name + "=" + value));
    return agent.spawn(
        new AgentProcess.Start(
            command, environment, DIRECTORY, USER, UMASK, false, true, true, 0, 0));
  }

  /** Blocks until a rehearsal is over, however it ends; one that takes too long is ended. */
  static void awaitEnd(AgentProcess rehearsal) throws IOException {
    try {
      rehearsal.exit().get(START_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("Interrupted while Deno ran in a machine that waits.");
    } catch (ExecutionException | TimeoutException e) {
      throw new IOException("Deno does not run in it", e);
    } finally {
      end(rehearsal);
    }
  }

  /** Blocks until it answers; that its machine is taken meanwhile ends it, and this. */
  static WarmDeno await(Agent agent, AgentProcess process) throws IOException {
    try {
      return InTime.ask(
          "start of an evaluator",
          Duration.ofSeconds(START_SECONDS),
          () ->
              new WarmDeno(
                  process,
                  WaitingEvaluator.connect(
                      process.stdout().orElseThrow().input(),
                      LocalEnv.DEFAULTS,
                      port -> dial(agent, port))));
    } catch (AgentErrorException e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  private static LocalGuestConnection dial(Agent agent, int port) throws IOException {
    try {
      return new LocalGuestConnection(agent.dial(port));
    } catch (AgentErrorException e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  /** Ends that process, if it is there; does not wait. */
  static void end(AgentProcess process) {
    Thread.ofVirtual()
        .name("end of a waiting Deno")
        .start(
            () -> {
              try {
                process.kill(Signal.SIGKILL.number(), true);
              } catch (IOException | AgentErrorException e) {
                LOG.debug("It has ended", e);
              }
              process.stdout().ifPresent(AgentStream::close);
              process.stderr().ifPresent(AgentStream::close);
            });
  }

  /** As what may become that sandbox's first evaluator. */
  WaitingEvaluator of(LocalSandbox sandbox) {
    return evaluator.of(new Waiter(sandbox));
  }

  private final class Waiter implements WaitingEvaluator.Waiter {
    private final LocalSandbox sandbox;

    Waiter(LocalSandbox sandbox) {
      this.sandbox = sandbox;
    }

    @Override
    public Map<String, String> environment() {
      return LocalEnv.DEFAULTS;
    }

    @Override
    public Optional<Map<String, String>> wanted(SpawnOptions options) {
      LocalFs fs = sandbox.localFs();
      boolean usual =
          options.user().equals(USER)
              && fs.umask() == UMASK
              && fs.absolute(options.cwd().orElse(".")).equals(DIRECTORY);
      if (!usual) {
        return Optional.empty();
      }
      Map<String, String> wanted = new HashMap<>();
      for (String one : sandbox.localEnv().forProcess(options)) {
        int equals = one.indexOf('=');
        wanted.put(one.substring(0, equals), one.substring(equals + 1));
      }
      return Optional.of(wanted);
    }

    @Override
    public ChildProcess process(SpawnOptions options) {
      return new LocalChildProcess(sandbox, process, options);
    }

    @Override
    public void end() {
      WarmDeno.end(process);
    }
  }
}
