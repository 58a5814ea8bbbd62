package dev.belljar.bench;

import dev.belljar.Sandbox;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A command in a sandbox that runs. */
final class Exec implements Subject {
  private static final double TARGET_MILLIS = 8;

  /**
   * One after the other, as an agent has them: the first finds what the others of the table left.
   */
  private static final int IN_A_ROW = 5;

  /** As a build or a test has them: all but the first find what others of theirs left. */
  private static final int MANY = 100;

  @Override
  public String name() {
    return "exec";
  }

  @Override
  public List<Measurement> measure(Workbench bench) throws Exception {
    Map<String, HostCommand> others = bench.alternatives(HostCommand.of("/bin/true"));
    try (Sandbox sandbox = Sandbox.create()) {
      List<Task> tasks = new ArrayList<>();
      tasks.add(into -> inARow("exec", IN_A_ROW, sandbox, into));
      tasks.add(into -> inARow("many", MANY, sandbox, into));
      others.forEach((name, command) -> tasks.add(into -> inARow(name, command, into)));
      Recording recording = bench.rounds().play(tasks);
      return List.of(
          new Measurement(
              "exec",
              "`/bin/true` in a running sandbox, five in a row",
              recording.samples("exec", Unit.MILLISECONDS),
              TARGET_MILLIS,
              recording.alternatives(Unit.MILLISECONDS, others.keySet())),
          new Measurement(
              "exec.many",
              "the same, a hundred in a row",
              recording.samples("many", Unit.MILLISECONDS),
              TARGET_MILLIS,
              List.of()));
    }
  }

  private static void inARow(String name, int count, Sandbox sandbox, Recording into)
      throws Exception {
    for (int i = 0; i < count; i++) {
      long began = System.nanoTime();
      GuestCommand.TRUE.run(sandbox);
      into.addMillisSince(name, began);
    }
  }

  private static void inARow(String name, HostCommand command, Recording into) throws Exception {
    for (int i = 0; i < IN_A_ROW; i++) {
      command.time(name, into);
    }
  }
}
