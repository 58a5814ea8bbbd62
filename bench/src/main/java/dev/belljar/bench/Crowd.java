package dev.belljar.bench;

import dev.belljar.PoolOptions;
import dev.belljar.Sandbox;
import dev.belljar.SandboxPool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

/** Many who want sandboxes at once, and for a while. */
final class Crowd implements Subject {
  private static final int BURST = 30;
  private static final int WAITING = 16;
  private static final int ROUNDS = 3;
  private static final double BURST_TARGET_MILLIS = 3000;
  private static final double RATE_TARGET = 10;
  private static final Duration SUSTAINED = Duration.ofSeconds(8);
  private static final Duration SUSTAINED_BY_OTHERS = Duration.ofSeconds(4);
  private static final Duration LONGEST_WAIT = Duration.ofMinutes(2);
  private static final int FILES = 20;
  private static final int LINES = 100;
  private static final String TEXT = "line\n".repeat(LINES);

  /** What an agent does, on this host: $1 is where, $2 what is in each file. */
  private static final String WORK =
      """
      set -e
      mine=$(mktemp -d "$1/XXXXXX")
      cd "$mine"
      i=0
      while [ $i -lt %d ]; do
        printf %%s "$2" > file$i.txt
        i=$((i + 1))
      done
      cat file*.txt | wc -l > lines
      [ "$(cat lines)" -eq %d ]
      cd /
      rm -r "$mine"
      """
          .formatted(FILES, FILES * LINES);

  @Override
  public String name() {
    return "crowd";
  }

  @Override
  public List<Measurement> measure(Workbench bench) throws Exception {
    List<Task> tasks = new ArrayList<>();
    tasks.add(into -> burst(Crowd::askAmong, "burst", into));
    tasks.add(into -> into.add("rate", aSecond(Crowd::ask, SUSTAINED)));
    tasks.add(into -> into.add("work", 60 * aSecond(Crowd::work, SUSTAINED)));
    Map<String, HostCommand> commands = bench.alternatives(HostCommand.of("/bin/true"));
    commands.forEach(
        (name, command) -> {
          tasks.add(into -> burst(answered -> run(command, answered), "burst, " + name, into));
          tasks.add(into -> into.add("rate, " + name, aSecond(command::run, SUSTAINED_BY_OTHERS)));
        });
    Path directory = Files.createDirectory(bench.scratch().directory().resolve("crowd"));
    Map<String, HostCommand> works =
        bench.alternatives(
            HostCommand.of("/bin/sh", "-c", WORK, "work", directory.toString(), TEXT), directory);
    works.forEach(
        (name, command) ->
            tasks.add(
                into ->
                    into.add("work, " + name, 60 * aSecond(command::run, SUSTAINED_BY_OTHERS))));
    Recording recording = bench.rounds(ROUNDS).play(tasks);
    Recording pooled = bench.rounds(ROUNDS).play(List.of(Crowd::burstOfPool));
    List<Alternative> bursts = new ArrayList<>();
    bursts.add(new Alternative("no pool", recording.samples("burst", Unit.MILLISECONDS)));
    bursts.addAll(alternatives("burst", commands.keySet(), Unit.MILLISECONDS, recording));
    return List.of(
        new Measurement(
            "crowd.burst",
            BURST + " sandboxes at once, " + WAITING + " machines waiting, to the last answer",
            pooled.samples("burst", Unit.MILLISECONDS),
            BURST_TARGET_MILLIS,
            bursts),
        new Measurement(
            "crowd.rate",
            "sandboxes a second, restored one after another by as many as there are processors, each to its first answer",
            recording.samples("rate", Unit.PER_SECOND),
            RATE_TARGET,
            alternatives("rate", commands.keySet(), Unit.PER_SECOND, recording)),
        new Measurement(
            "crowd.work",
            "what an agent does (create, write %d files, run a program over them, read, close), a minute"
                .formatted(FILES),
            recording.samples("work", Unit.PER_MINUTE),
            alternatives("work", works.keySet(), Unit.PER_MINUTE, recording)
                .toArray(Alternative[]::new)));
  }

  private static List<Alternative> alternatives(
      String figure, Collection<String> names, Unit unit, Recording recording) {
    return names.stream()
        .map(name -> new Alternative(name, recording.samples(figure + ", " + name, unit)))
        .toList();
  }

  private static void burstOfPool(Recording into) throws Exception {
    try (SandboxPool pool = SandboxPool.open(PoolOptions.of(WAITING, WAITING))) {
      if (!pool.awaitReady(LONGEST_WAIT)) {
        throw new IOException("the pool was not ready in time");
      }
      new HostAtRest().await();
      burst(Crowd::askAmong, "burst", into);
    }
  }

  /** One of many at once, which goes on when all have their answer. */
  @FunctionalInterface
  private interface OneOfMany {
    void run(CountDownLatch answered) throws IOException, InterruptedException;
  }

  private static void burst(OneOfMany one, String name, Recording into) throws Exception {
    CountDownLatch answered = new CountDownLatch(BURST);
    long began = System.nanoTime();
    List<Future<?>> all = new ArrayList<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < BURST; i++) {
        all.add(
            threads.submit(
                () -> {
                  one.run(answered);
                  return answered;
                }));
      }
      answered.await();
      into.addMillisSince(name, began);
    }
    for (Future<?> each : all) {
      each.get();
    }
  }

  private static void askAmong(CountDownLatch answered) throws InterruptedException, IOException {
    boolean told = false;
    try (Sandbox sandbox = Sandbox.create()) {
      GuestCommand.TRUE.run(sandbox);
      told = true;
      answered.countDown();
      answered.await();
    } finally {
      // One that failed is not waited for.
      if (!told) {
        answered.countDown();
      }
    }
  }

  private static void run(HostCommand command, CountDownLatch answered)
      throws IOException, InterruptedException {
    try {
      command.run();
    } finally {
      answered.countDown();
    }
  }

  /** Something that is done over and over. */
  @FunctionalInterface
  private interface Step {
    void run() throws IOException, InterruptedException;
  }

  /** How often it is done in a second, by as many at once as there are processors. */
  private static double aSecond(Step step, Duration sustained) throws Exception {
    int workers = Runtime.getRuntime().availableProcessors();
    AtomicInteger done = new AtomicInteger();
    long began = System.nanoTime();
    long end = began + sustained.toNanos();
    List<Future<?>> all = new ArrayList<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < workers; i++) {
        all.add(
            threads.submit(
                () -> {
                  while (System.nanoTime() < end) {
                    step.run();
                    done.incrementAndGet();
                  }
                  return done;
                }));
      }
      for (Future<?> one : all) {
        one.get();
      }
    }
    return done.get() / ((System.nanoTime() - began) / 1e9);
  }

  private static void ask() throws IOException {
    try (Sandbox sandbox = Sandbox.create()) {
      GuestCommand.TRUE.run(sandbox);
    }
  }

  private static void work() throws IOException {
    try (Sandbox sandbox = Sandbox.create()) {
      for (int i = 0; i < FILES; i++) {
        sandbox.fs().writeTextFile("file" + i + ".txt", TEXT);
      }
      GuestCommand.of("/bin/sh", "-c", "cat file*.txt | wc -l > lines").run(sandbox);
      String lines = sandbox.fs().readTextFile("lines").strip();
      if (!lines.equals(Integer.toString(FILES * LINES))) {
        throw new IOException("the files have " + lines + " lines");
      }
    }
  }
}
