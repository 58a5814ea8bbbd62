package dev.belljar.bench;

import dev.belljar.PoolOptions;
import dev.belljar.Sandbox;
import dev.belljar.SandboxPool;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
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
  private static final Duration LONGEST_WAIT = Duration.ofMinutes(2);
  private static final int FILES = 20;

  @Override
  public String name() {
    return "crowd";
  }

  @Override
  public List<Measurement> measure(Workbench bench) throws Exception {
    Recording restored =
        bench
            .rounds(ROUNDS)
            .play(
                List.of(
                    into -> burst("restored", into),
                    into -> sustained(Crowd::ask, "rate", into),
                    into -> sustained(Crowd::work, "work", into)));
    Recording pooled =
        bench
            .rounds(ROUNDS)
            .play(
                List.of(
                    into -> {
                      try (SandboxPool pool = SandboxPool.open(PoolOptions.of(WAITING, WAITING))) {
                        if (!pool.awaitReady(LONGEST_WAIT)) {
                          throw new IOException("the pool was not ready in time");
                        }
                        new HostAtRest().await();
                        burst("pooled", into);
                      }
                    }));
    return List.of(
        new Measurement(
            "crowd.burst",
            BURST + " sandboxes at once, " + WAITING + " machines waiting, to the last answer",
            pooled.samples("pooled", Unit.MILLISECONDS),
            BURST_TARGET_MILLIS,
            List.of(new Alternative("no pool", restored.samples("restored", Unit.MILLISECONDS)))),
        new Measurement(
            "crowd.rate",
            "sandboxes a second, restored one after another by as many as there are processors, each to its first answer",
            restored.samples("rate", Unit.PER_SECOND),
            RATE_TARGET,
            List.of()),
        new Measurement(
            "crowd.work",
            "what an agent does (create, write %d files, run a program over them, read, close), a minute"
                .formatted(FILES),
            restored.samples("work", Unit.PER_MINUTE)));
  }

  private static void burst(String name, Recording into) throws Exception {
    CountDownLatch answered = new CountDownLatch(BURST);
    long began = System.nanoTime();
    List<Future<?>> all = new ArrayList<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < BURST; i++) {
        all.add(
            threads.submit(
                () -> {
                  try (Sandbox sandbox = Sandbox.create()) {
                    GuestCommand.TRUE.run(sandbox);
                    answered.countDown();
                    answered.await();
                  }
                  return answered;
                }));
      }
      answered.await();
      into.addMillisSince(name, began);
    }
    for (Future<?> one : all) {
      one.get();
    }
  }

  private static void sustained(Step step, String name, Recording into) throws Exception {
    int workers = Runtime.getRuntime().availableProcessors();
    AtomicInteger done = new AtomicInteger();
    long began = System.nanoTime();
    long end = began + SUSTAINED.toNanos();
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
    double seconds = (System.nanoTime() - began) / 1e9;
    into.add(name, done.get() / seconds * (name.equals("work") ? 60 : 1));
  }

  private interface Step {
    void run() throws IOException;
  }

  private static void ask() throws IOException {
    try (Sandbox sandbox = Sandbox.create()) {
      GuestCommand.TRUE.run(sandbox);
    }
  }

  private static void work() throws IOException {
    try (Sandbox sandbox = Sandbox.create()) {
      for (int i = 0; i < FILES; i++) {
        sandbox.fs().writeTextFile("file" + i + ".txt", "line\n".repeat(100));
      }
      GuestCommand.of("/bin/sh", "-c", "cat file*.txt | wc -l > lines").run(sandbox);
      String lines = sandbox.fs().readTextFile("lines").strip();
      if (!lines.equals(Integer.toString(FILES * 100))) {
        throw new IOException("the files have " + lines + " lines");
      }
    }
  }
}
