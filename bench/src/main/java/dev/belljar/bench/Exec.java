package dev.belljar.bench;

import dev.belljar.Sandbox;
import java.io.IOException;
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
      tasks.add(inARow(IN_A_ROW, into -> time("exec", sandbox, into)));
      tasks.add(inARow(MANY, into -> time("many", sandbox, into)));
      others.forEach(
          (name, command) -> tasks.add(inARow(IN_A_ROW, into -> command.time(name, into))));
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

  private static Task inARow(int count, Task one) {
    return into -> {
      for (int i = 0; i < count; i++) {
        one.run(into);
      }
    };
  }

  private static void time(String name, Sandbox sandbox, Recording into) throws IOException {
    long began = System.nanoTime();
    GuestCommand.TRUE.run(sandbox);
    into.addMillisSince(name, began);
  }
}
