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
      taken = bench.rounds().play(tasks(pool, Pooled::createAndAsk, others));
    }
    Map<String, HostCommand> otherDenos = Map.of();
    Optional<Path> deno = HostRuntimes.deno(bench);
    if (deno.isPresent()) {
      List<String> words = List.of(deno.get().toString(), "eval", "1+1");
      otherDenos = bench.alternatives(new HostCommand(words, HostRuntimes.env(scratch)), scratch);
    }
    Recording evaluated;
    try (SandboxPool pool = SandboxPool.open(PoolOptions.of(1, 1).withDeno(true))) {
      evaluated = bench.rounds().play(tasks(pool, Pooled::createAndEvaluate, otherDenos));
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

  /** A machine is made some time after one was taken: each begins when none is being made. */
  private static List<Task> tasks(SandboxPool pool, Task ours, Map<String, HostCommand> others) {
    List<Task> all = new ArrayList<>();
    all.add(ours);
    others.forEach((name, command) -> all.add(into -> command.time(name, into)));
    HostAtRest rest = new HostAtRest();
    return all.stream().map(task -> whenReady(pool, rest, task)).toList();
  }

  private static Task whenReady(SandboxPool pool, HostAtRest rest, Task task) {
    return into -> {
      if (!pool.awaitReady(LONGEST_WAIT)) {
        throw new IOException("no machine was ready within " + LONGEST_WAIT.toSeconds() + " s");
      }
      rest.await();
      task.run(into);
    };
  }

  private static void createAndAsk(Recording into) throws Exception {
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

  private static void createAndEvaluate(Recording into) throws Exception {
    long began = System.nanoTime();
    try (Sandbox sandbox = Sandbox.create()) {
      Object answer = sandbox.deno().eval("1+1");
      into.addMillisSince("evaluated", began);
      if (!Long.valueOf(2).equals(answer)) {
        throw new IOException("1+1 is said to be " + answer);
      }
    }
  }
}
