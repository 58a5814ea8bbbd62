package dev.belljar.bench;

import dev.belljar.PoolOptions;
import dev.belljar.Sandbox;
import dev.belljar.SandboxPool;
import dev.belljar.SandboxUnavailableException;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** What a sandbox takes, and costs, while more and more others are there and do nothing. */
final class GrowingSandboxes implements GrowingSubject {
  private static final long[] COUNTS = {1, 2, 5, 10, 20, 50, 100};
  private static final long MOST_WHEN_QUICK = 20;
  private static final int CREATES = 7;
  private static final int CREATES_WHEN_QUICK = 3;

  /** As if somebody had thought in between: no machine is being made when the next is taken. */
  private static final long PAUSE_MILLIS = 200;

  private static final int EXECS = 50;
  private static final long SETTLE_MILLIS = 2000;
  private static final Duration LONGEST_WAIT = Duration.ofSeconds(60);

  @Override
  public String name() {
    return "sandboxes";
  }

  @Override
  public Growth measure(Workbench bench, Steps steps) throws Exception {
    Growth.Builder growth = new Growth.Builder();
    List<QemuProcess> before = QemuProcess.running();
    Deque<Sandbox> idle = new ArrayDeque<>();
    try {
      steps.take(
          count -> {
            while (idle.size() < count) {
              Sandbox sandbox = createIdle();
              idle.push(sandbox);
              GuestCommand.TRUE.run(sandbox);
            }
            Thread.sleep(SETTLE_MILLIS);
            growth.step(count);
            look(count, before, idle, steps.quick() ? CREATES_WHEN_QUICK : CREATES, growth);
          },
          MOST_WHEN_QUICK,
          COUNTS);
    } finally {
      idle.forEach(Sandbox::close);
    }
    return growth.build(name(), "A sandbox beside idle sandboxes", "idle sandboxes at once", false);
  }

  /** On a host with little memory there is an end to it. */
  private static Sandbox createIdle() throws SkippedException {
    try {
      return Sandbox.create();
    } catch (SandboxUnavailableException e) {
      throw new SkippedException(String.valueOf(e.getMessage()));
    }
  }

  private static void look(
      long count, List<QemuProcess> before, Deque<Sandbox> idle, int creates, Growth.Builder growth)
      throws Exception {
    double memory = memoryOfEach(count, before);
    Recording figures = new Recording();
    for (int i = 0; i < creates; i++) {
      createAndAsk("restored", figures);
    }
    try (SandboxPool pool = SandboxPool.open(PoolOptions.of(2, 2))) {
      for (int i = 0; i < creates; i++) {
        if (!pool.awaitReady(LONGEST_WAIT)) {
          throw new IOException("no machine was ready within " + LONGEST_WAIT.toSeconds() + " s");
        }
        Thread.sleep(PAUSE_MILLIS);
        createAndAsk("pooled", figures);
      }
    }
    for (int i = 0; i < EXECS; i++) {
      // Each in turn: one that was asked a moment ago answers faster.
      Sandbox sandbox = idle.remove();
      idle.add(sandbox);
      long began = System.nanoTime();
      GuestCommand.TRUE.run(sandbox);
      figures.addMillisSince("exec", began);
    }
    Unit time = Unit.MILLISECONDS;
    growth.add("restored", "create to first answer, restored, p50", time, p50(figures, "restored"));
    growth.add(
        "pooled", "create to first answer, from the pool, p50", time, p50(figures, "pooled"));
    growth.add("exec", "`/bin/true` in one of them, p50", time, p50(figures, "exec"));
    growth.add("pss", "memory (PSS) of each", Unit.MEGABYTES, memory);
  }

  private static double p50(Recording figures, String name) {
    return figures.samples(name, Unit.MILLISECONDS).p50();
  }

  private static void createAndAsk(String name, Recording into) throws IOException {
    long began = System.nanoTime();
    try (Sandbox sandbox = Sandbox.create()) {
      GuestCommand.TRUE.run(sandbox);
      into.addMillisSince(name, began);
    }
  }

  private static double memoryOfEach(long count, List<QemuProcess> before) throws IOException {
    List<QemuProcess> machines = new ArrayList<>(QemuProcess.running());
    machines.removeAll(before);
    if (machines.size() != count) {
      throw new IOException(machines.size() + " QEMU processes were found, not " + count);
    }
    double megabytes = 0;
    for (QemuProcess machine : machines) {
      megabytes += machine.megabytes("Pss");
    }
    return megabytes / count;
  }
}
