package dev.belljar.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** {@code ./belljar run hello.ts} from the shell's prompt back to it. */
final class WholeProgram implements Subject {
  private static final double TARGET_MILLIS = 3000;

  @Override
  public String name() {
    return "program";
  }

  @Override
  public List<Measurement> measure(Workbench bench) throws Exception {
    Path launcher = bench.root().resolve("belljar");
    if (!Files.isExecutable(launcher) || !isBuilt(bench.root().resolve("cli/target"))) {
      throw new SkippedException("the command line is not built; run './belljar setup' first");
    }
    Path scratch = bench.scratch().directory();
    Path program = Files.writeString(scratch.resolve("whole.ts"), "console.log('hello')\n");
    HostCommand belljar = HostCommand.of(launcher.toString(), "run", program.toString());
    List<Task> tasks = new ArrayList<>();
    tasks.add(into -> time(belljar, "belljar", into));
    HostRuntimes.deno(bench)
        .map(
            deno ->
                new HostCommand(
                    List.of(deno.toString(), "run", program.toString()), HostRuntimes.env(scratch)))
        .ifPresent(
            command -> {
              tasks.add(into -> time(command, "native", into));
              command
                  .inBubblewrap(scratch)
                  .ifPresent(jailed -> tasks.add(into -> time(jailed, "bubblewrap", into)));
            });
    Recording recording = bench.rounds().play(tasks);
    return List.of(
        new Measurement(
            "program",
            "`./belljar run hello.ts`, the whole process",
            recording.samples("belljar", Unit.MILLISECONDS),
            TARGET_MILLIS,
            recording.alternatives(Unit.MILLISECONDS, "native", "bubblewrap")));
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

  private static boolean isBuilt(Path target) throws IOException {
    if (!Files.isDirectory(target)) {
      return false;
    }
    try (Stream<Path> entries = Files.list(target)) {
      return entries.anyMatch(entry -> String.valueOf(entry.getFileName()).startsWith("app-"));
    }
  }
}
