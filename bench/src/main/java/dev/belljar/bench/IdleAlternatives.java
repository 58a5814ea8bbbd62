package dev.belljar.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The memory of commands that wait, natively and enclosed: what stands beside idle sandboxes. */
final class IdleAlternatives {
  private static final String DAEMONS = "docker";

  private final Workbench bench;
  private final Map<String, HostCommand> commands = new LinkedHashMap<>();

  private IdleAlternatives(Workbench bench) {
    this.bench = bench;
  }

  /** Those that work here, and whose processes are known; others are noted. */
  static IdleAlternatives find(Workbench bench) throws IOException, InterruptedException {
    IdleAlternatives found = new IdleAlternatives(bench);
    found.commands.putAll(bench.alternatives(WaitingCommands.WAITING));
    if (found.commands.remove(DAEMONS) != null) {
      bench
          .notes()
          .add("The memory of docker is not measured: its processes are those of its daemon.");
    }
    return found;
  }

  /** The memory of each of so many at once. */
  List<Alternative> each(int count, Rounds rounds) throws Exception {
    List<Alternative> alternatives = new ArrayList<>();
    for (Map.Entry<String, HostCommand> command : commands.entrySet()) {
      try {
        Recording recording =
            rounds.play(List.of(into -> into.add("pss", each(count, command.getValue()))));
        alternatives.add(
            new Alternative(command.getKey(), recording.samples("pss", Unit.MEGABYTES)));
      } catch (IOException e) {
        bench
            .notes()
            .add(
                "The memory of %d with %s is not measured: %s."
                    .formatted(count, command.getKey(), e.getMessage()));
      }
    }
    return alternatives;
  }

  private double each(int count, HostCommand command) throws Exception {
    try (WaitingCommands waiting = WaitingCommands.none(bench.scratch().directory())) {
      for (int i = 0; i < count; i++) {
        waiting.start(command);
      }
      Thread.sleep(IdleMachines.SETTLE_MILLIS);
      return waiting.megabytes() / count;
    }
  }
}
