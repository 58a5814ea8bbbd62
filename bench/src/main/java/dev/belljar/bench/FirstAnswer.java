package dev.belljar.bench;

import dev.belljar.Sandbox;
import dev.belljar.engine.vmm.Machine;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** From nothing to the answer of the first command. */
final class FirstAnswer implements Subject {
  private static final double TARGET_MILLIS = 110;
  private static final int COLD_BOOTS = 5;

  @Override
  public String name() {
    return "create";
  }

  @Override
  public List<Measurement> measure(Workbench bench) throws Exception {
    Map<String, HostCommand> others = bench.alternatives(HostCommand.of("/bin/true"));
    List<Task> tasks = new ArrayList<>();
    tasks.add(FirstAnswer::createAndAsk);
    others.forEach((name, command) -> tasks.add(into -> command.time(name, into)));
    Recording restored = bench.rounds().play(tasks);
    List<Alternative> alternatives =
        new ArrayList<>(restored.alternatives(Unit.MILLISECONDS, others.keySet()));
    alternatives.add(new Alternative("QEMU booted cold, to the agent's greeting", cold(bench)));
    return List.of(
        new Measurement(
            "create.first-answer",
            "create a sandbox, to the status of `/bin/true`",
            restored.samples("answer", Unit.MILLISECONDS),
            TARGET_MILLIS,
            alternatives),
        new Measurement(
            "create",
            "of that, until `Sandbox.create()` returns",
            restored.samples("create", Unit.MILLISECONDS)),
        new Measurement(
            "close", "`Sandbox.close()`", restored.samples("close", Unit.MILLISECONDS)));
  }

  private static void createAndAsk(Recording into) throws Exception {
    long began = System.nanoTime();
    try (Sandbox sandbox = Sandbox.create()) {
      into.addMillisSince("create", began);
      GuestCommand.TRUE.run(sandbox);
      into.addMillisSince("answer", began);
      began = System.nanoTime();
    }
    into.addMillisSince("close", began);
  }

  private static Samples cold(Workbench bench) throws Exception {
    try (ColdMachines machines = ColdMachines.open()) {
      Task boot =
          into -> {
            long began = System.nanoTime();
            try (Machine machine = machines.boot()) {
              into.addMillisSince("cold", began);
            }
          };
      return new Rounds(0, Math.min(bench.runs(), COLD_BOOTS))
          .play(List.of(boot))
          .samples("cold", Unit.MILLISECONDS);
    }
  }
}
