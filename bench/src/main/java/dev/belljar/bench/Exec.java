package dev.belljar.bench;

import dev.belljar.Sandbox;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A command in a sandbox that runs. */
final class Exec implements Subject {
  private static final double TARGET_MILLIS = 8;

  @Override
  public String name() {
    return "exec";
  }

  @Override
  public List<Measurement> measure(Workbench bench) throws Exception {
    Map<String, HostCommand> others = bench.alternatives(HostCommand.of("/bin/true"));
    try (Sandbox sandbox = Sandbox.create()) {
      List<Task> tasks = new ArrayList<>();
      tasks.add(
          into -> {
            long began = System.nanoTime();
            GuestCommand.TRUE.run(sandbox);
            into.addMillisSince("exec", began);
          });
      others.forEach((name, command) -> tasks.add(into -> command.time(name, into)));
      Recording recording = bench.rounds().play(tasks);
      return List.of(
          new Measurement(
              "exec",
              "`/bin/true` in a running sandbox",
              recording.samples("exec", Unit.MILLISECONDS),
              TARGET_MILLIS,
              recording.alternatives(Unit.MILLISECONDS, others.keySet())));
    }
  }
}
