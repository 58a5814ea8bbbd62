package dev.belljar.bench;

import dev.belljar.Sandbox;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;

/** Thirty sandboxes one after another, each to its first answer, all kept until the last is up. */
final class ManyInARow implements Subject {
  private static final int COUNT = 30;

  /** A total of thirty is steady enough that few are needed. */
  private static final int ROUNDS = 3;

  @Override
  public String name() {
    return "row";
  }

  @Override
  public List<Measurement> measure(Workbench bench) throws Exception {
    List<Task> tasks = new ArrayList<>();
    tasks.add(ManyInARow::sandboxes);
    Map<String, HostCommand> others = bench.alternatives(HostCommand.of("/bin/true"));
    others.forEach((name, command) -> tasks.add(into -> commands(command, name, into)));
    Recording recording = bench.rounds(ROUNDS).play(tasks);
    return List.of(
        new Measurement(
            "row",
            COUNT + " sandboxes in a row, each to its first answer, in total",
            recording.samples("sandboxes", Unit.MILLISECONDS),
            recording
                .alternatives(Unit.MILLISECONDS, others.keySet())
                .toArray(Alternative[]::new)));
  }

  private static void sandboxes(Recording into) throws Exception {
    Deque<Sandbox> sandboxes = new ArrayDeque<>();
    try {
      long began = System.nanoTime();
      for (int i = 0; i < COUNT; i++) {
        Sandbox sandbox = Sandbox.create();
        sandboxes.push(sandbox);
        GuestCommand.TRUE.run(sandbox);
      }
      into.addMillisSince("sandboxes", began);
    } finally {
      sandboxes.forEach(Sandbox::close);
    }
  }

  private static void commands(HostCommand command, String name, Recording into) throws Exception {
    long began = System.nanoTime();
    for (int i = 0; i < COUNT; i++) {
      command.run();
    }
    into.addMillisSince(name, began);
  }
}
