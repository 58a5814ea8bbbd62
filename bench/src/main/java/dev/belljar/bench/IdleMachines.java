package dev.belljar.bench;

import dev.belljar.Sandbox;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** What sandboxes cost that do nothing: memory and processor time, alone and ten together. */
final class IdleMachines implements Subject {
  private static final double TARGET_MEGABYTES = 45;
  private static final double TOTAL_TARGET_MEGABYTES = 3000;
  private static final double TOTAL_TARGET_PERCENT = 20;
  private static final int MANY = 10;
  private static final int VERY_MANY = 100;
  private static final int RUNS_ALONE = 5;
  static final long SETTLE_MILLIS = 3000;
  private static final long WATCH_MILLIS = 5000;

  @Override
  public String name() {
    return "idle";
  }

  @Override
  public List<Measurement> measure(Workbench bench) throws Exception {
    IdleAlternatives others = IdleAlternatives.find(bench);
    Rounds alone = new Rounds(0, Math.min(bench.runs(), RUNS_ALONE));
    Rounds once = new Rounds(0, 1);
    List<Measurement> measurements = new ArrayList<>();
    measurements.addAll(
        measurements(
            "1",
            "one idle sandbox",
            alone.play(List.of(into -> watch(1, into))),
            others.each(1, alone)));
    measurements.addAll(
        measurements(
            "10",
            "each of ten idle sandboxes",
            once.play(List.of(into -> watch(MANY, into))),
            others.each(MANY, once)));
    Recording crowd = once.play(List.of(into -> watch(VERY_MANY, into)));
    measurements.add(
        new Measurement(
            "idle.pss.total.100",
            "proportional memory (PSS) of a hundred idle sandboxes together",
            total(crowd.samples("pss", Unit.MEGABYTES)),
            TOTAL_TARGET_MEGABYTES,
            List.of()));
    measurements.add(
        new Measurement(
            "idle.processor.total.100",
            "processor time of a hundred idle sandboxes together, of one core",
            total(crowd.samples("processor", Unit.PERCENT)),
            TOTAL_TARGET_PERCENT,
            List.of()));
    return measurements;
  }

  private static Samples total(Samples each) {
    return new Samples(
        each.unit(), List.of(each.values().stream().mapToDouble(Double::doubleValue).sum()));
  }

  private static List<Measurement> measurements(
      String count, String whose, Recording recording, List<Alternative> others) {
    return List.of(
        new Measurement(
            "idle.private." + count,
            "private dirty memory of " + whose,
            recording.samples("private", Unit.MEGABYTES),
            TARGET_MEGABYTES,
            List.of()),
        new Measurement(
            "idle.pss." + count,
            "proportional memory (PSS) of " + whose,
            recording.samples("pss", Unit.MEGABYTES),
            others.toArray(Alternative[]::new)),
        new Measurement(
            "idle.processor." + count,
            "processor time of " + whose + ", of one core",
            recording.samples("processor", Unit.PERCENT)));
  }

  private static void watch(int count, Recording into) throws Exception {
    Deque<Sandbox> sandboxes = new ArrayDeque<>();
    try {
      List<QemuProcess> before = QemuProcess.running();
      for (int i = 0; i < count; i++) {
        Sandbox sandbox = Sandbox.create();
        sandboxes.push(sandbox);
        GuestCommand.TRUE.run(sandbox);
      }
      Thread.sleep(SETTLE_MILLIS);
      List<QemuProcess> machines = new ArrayList<>(QemuProcess.running());
      machines.removeAll(before);
      if (machines.size() != count) {
        throw new IOException(machines.size() + " QEMU processes were found, not " + count);
      }
      for (QemuProcess machine : machines) {
        into.add("private", machine.megabytes("Private_Dirty"));
        into.add("pss", machine.megabytes("Pss"));
      }
      watchProcessor(machines, into);
    } finally {
      sandboxes.forEach(Sandbox::close);
    }
  }

  private static void watchProcessor(List<QemuProcess> machines, Recording into)
      throws IOException, InterruptedException {
    List<Long> ran = new ArrayList<>();
    long began = System.nanoTime();
    for (QemuProcess machine : machines) {
      ran.add(machine.runNanos());
    }
    Thread.sleep(WATCH_MILLIS);
    double passed = System.nanoTime() - began;
    for (int i = 0; i < machines.size(); i++) {
      into.add("processor", 100 * (machines.get(i).runNanos() - ran.get(i)) / passed);
    }
  }
}
