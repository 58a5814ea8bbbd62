package dev.belljar.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** {@code ./belljar run hello.ts} from the shell's prompt back to it. */
final class WholeProgram implements Subject {
  private static final double TARGET_MILLIS = 3000;

  @Override
  public String name() {
    return "program";
  }

  @Override
  public List<Measurement> measure(Workbench bench) throws Exception {
    Path launcher = Launcher.in(bench.root());
    Path scratch = bench.scratch().directory();
    Path program = Files.writeString(scratch.resolve("whole.ts"), "console.log('hello')\n");
    HostCommand belljar = HostCommand.of(launcher.toString(), "run", program.toString());
    List<Task> tasks = new ArrayList<>();
    tasks.add(into -> time(belljar, "belljar", into));
    Map<String, HostCommand> others = Map.of();
    Optional<Path> deno = HostRuntimes.deno(bench);
    if (deno.isPresent()) {
      List<String> words = List.of(deno.get().toString(), "run", program.toString());
      others = bench.alternatives(new HostCommand(words, HostRuntimes.env(scratch)), scratch);
    }
    others.forEach((name, command) -> tasks.add(into -> time(command, name, into)));
    Recording recording = bench.rounds().play(tasks);
    return List.of(
        new Measurement(
            "program",
            "`./belljar run hello.ts`, the whole process",
            recording.samples("belljar", Unit.MILLISECONDS),
            TARGET_MILLIS,
            recording.alternatives(Unit.MILLISECONDS, others.keySet())));
  }

  private static void time(HostCommand command, String name, Recording into)
      throws IOException, InterruptedException {
    long began = System.nanoTime();
    String output = command.text();
    into.addMillisSince(name, began);
    if (!output.strip().equals("hello")) {
      throw new IOException(name + " printed '" + output.strip() + "', not 'hello'");
    }
  }
}
