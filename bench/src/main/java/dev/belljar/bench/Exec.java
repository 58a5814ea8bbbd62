package dev.belljar.bench;

import dev.belljar.Sandbox;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A command in a sandbox that runs. */
final class Exec implements Subject {
  private static final double TARGET_MILLIS = 8;

  @Override
  public String name() {
    return "exec";
  }

  @Override
  public List<Measurement> measure(Workbench bench) throws Exception {
    HostCommand nativeTrue = HostCommand.of("/bin/true");
    Optional<HostCommand> jailedTrue = nativeTrue.inBubblewrap();
    try (Sandbox sandbox = Sandbox.create()) {
      List<Task> tasks = new ArrayList<>();
      tasks.add(
          into -> {
            long began = System.nanoTime();
            GuestCommand.TRUE.run(sandbox);
            into.addMillisSince("exec", began);
          });
      tasks.add(
          into -> {
            long began = System.nanoTime();
            nativeTrue.run();
            into.addMillisSince("native", began);
          });
      if (jailedTrue.isPresent()) {
        tasks.add(
            into -> {
              long began = System.nanoTime();
              jailedTrue.get().run();
              into.addMillisSince("bubblewrap", began);
            });
      }
      Recording recording = bench.rounds().play(tasks);
      return List.of(
          new Measurement(
              "exec",
              "`/bin/true` in a running sandbox",
              recording.samples("exec", Unit.MILLISECONDS),
              TARGET_MILLIS,
              recording.alternatives(Unit.MILLISECONDS, "native", "bubblewrap")));
    }
  }
}
