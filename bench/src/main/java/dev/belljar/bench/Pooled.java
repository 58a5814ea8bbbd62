package dev.belljar.bench;

import dev.belljar.PoolOptions;
import dev.belljar.Sandbox;
import dev.belljar.SandboxPool;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Sandboxes that get machines which waited for them. */
final class Pooled implements Subject {
  private static final double TARGET_MILLIS = 15;
  private static final double OWN_TARGET_MILLIS = 3;
  private static final double EVALUATION_TARGET_MILLIS = 80;
  private static final Duration LONGEST_WAIT = Duration.ofSeconds(60);

  /** As if somebody had thought in between: no machine is being made when the next is taken. */
  private static final long PAUSE_MILLIS = 400;

  @Override
  public String name() {
    return "pool";
  }

  @Override
  public List<Measurement> measure(Workbench bench) throws Exception {
    Path scratch = bench.scratch().directory();
    Map<String, HostCommand> others = bench.alternatives(HostCommand.of("/bin/true"));
    Recording taken;
    try (SandboxPool pool = SandboxPool.open(PoolOptions.of(2, 2))) {
      taken = bench.rounds().play(tasks(into -> createAndAsk(pool, into), others));
    }
    Map<String, HostCommand> otherDenos = Map.of();
    Optional<Path> deno = HostRuntimes.deno(bench);
    if (deno.isPresent()) {
      List<String> words = List.of(deno.get().toString(), "eval", "1+1");
      otherDenos = bench.alternatives(new HostCommand(words, HostRuntimes.env(scratch)), scratch);
    }
    Recording evaluated;
    try (SandboxPool pool = SandboxPool.open(PoolOptions.of(1, 1).withDeno(true))) {
      evaluated = bench.rounds().play(tasks(into -> createAndEvaluate(pool, into), otherDenos));
    }
    return List.of(
        new Measurement(
            "pool.first-answer",
            "create a sandbox of a machine that waited, to the status of `/bin/true`",
            taken.samples("answer", Unit.MILLISECONDS),
            TARGET_MILLIS,
            taken.alternatives(Unit.MILLISECONDS, others.keySet())),
        new Measurement(
            "pool.create",
            "of that, until `Sandbox.create()` returns",
            taken.samples("create", Unit.MILLISECONDS)),
        new Measurement(
            "pool.own",
            "of that, what is not the guest's activation",
            taken.samples("own", Unit.MILLISECONDS),
            OWN_TARGET_MILLIS,
            List.of()),
        new Measurement(
            "pool.eval",
            "create a sandbox in which Deno waited, to the answer of `deno.eval(\"1+1\")`",
            evaluated.samples("evaluated", Unit.MILLISECONDS),
            EVALUATION_TARGET_MILLIS,
            evaluated.alternatives(Unit.MILLISECONDS, otherDenos.keySet())));
  }

  private static List<Task> tasks(Task ours, Map<String, HostCommand> others) {
    List<Task> tasks = new ArrayList<>();
    tasks.add(ours);
    others.forEach((name, command) -> tasks.add(into -> command.time(name, into)));
    return tasks;
  }

  private static void createAndAsk(SandboxPool pool, Recording into) throws Exception {
    awaitQuiet(pool);
    try (Activations activations = Activations.listen()) {
      long began = System.nanoTime();
      try (Sandbox sandbox = Sandbox.create()) {
        double create = (System.nanoTime() - began) / 1e6;
        double activation = activations.lastMillis();
        GuestCommand.TRUE.run(sandbox);
        into.addMillisSince("answer", began);
        into.add("create", create);
        into.add("own", create - activation);
      }
    }
  }

  private static void createAndEvaluate(SandboxPool pool, Recording into) throws Exception {
    awaitQuiet(pool);
    long began = System.nanoTime();
    try (Sandbox sandbox = Sandbox.create()) {
      Object answer = sandbox.deno().eval("1+1");
      into.addMillisSince("evaluated", began);
      if (!Long.valueOf(2).equals(answer)) {
        throw new IOException("1+1 is said to be " + answer);
      }
    }
  }

  private static void awaitQuiet(SandboxPool pool) throws Exception {
    if (!pool.awaitReady(LONGEST_WAIT)) {
      throw new IOException("no machine was ready within " + LONGEST_WAIT.toSeconds() + " s");
    }
    Thread.sleep(PAUSE_MILLIS);
  }
}
