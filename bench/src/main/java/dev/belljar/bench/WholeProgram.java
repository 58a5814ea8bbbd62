package dev.belljar.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** {@code ./belljar run} from the shell's prompt back to it. */
final class WholeProgram implements Subject {
  private static final double HELLO_TARGET_MILLIS = 3000;
  private static final double TRUE_TARGET_MILLIS = 800;
  private static final double SERVED_TARGET_MILLIS = 350;
  private static final int SANDBOXES = 4;

  @Override
  public String name() {
    return "program";
  }

  @Override
  public List<Measurement> measure(Workbench bench) throws Exception {
    String launcher = Launcher.in(bench.root()).toString();
    List<Measurement> measurements = new ArrayList<>();
    measurements.add(hello(bench, launcher));
    measurements.addAll(smallest(bench, launcher));
    return measurements;
  }

  private static Measurement hello(Workbench bench, String launcher) throws Exception {
    Path scratch = bench.scratch().directory();
    Path program = Files.writeString(scratch.resolve("whole.ts"), "console.log('hello')\n");
    HostCommand belljar = HostCommand.of(launcher, "run", "--no-server", program.toString());
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
    return new Measurement(
        "program",
        "`./belljar run --no-server hello.ts`, the whole process",
        recording.samples("belljar", Unit.MILLISECONDS),
        HELLO_TARGET_MILLIS,
        recording.alternatives(Unit.MILLISECONDS, others.keySet()));
  }

  private static List<Measurement> smallest(Workbench bench, String launcher) throws Exception {
    HostCommand here = HostCommand.of(launcher, "run", "--quiet", "--no-server", "-c", "true");
    Map<String, HostCommand> others = bench.alternatives(HostCommand.of("/bin/true"));
    Path scratch = bench.scratch().directory();
    Rounds rounds = bench.rounds();
    Recording recording;
    try (ServerProcess server = ServerProcess.start(Path.of(launcher), scratch, SANDBOXES)) {
      HostCommand served =
          new HostCommand(List.of(launcher, "run", "--quiet", "-c", "true"), server.asOfUser());
      List<Task> tasks = new ArrayList<>();
      tasks.add(into -> here.time("here", into));
      tasks.add(into -> served.time("served", into));
      others.forEach((name, command) -> tasks.add(into -> command.time(name, into)));
      long before = server.created();
      recording = rounds.play(tasks);
      long created = server.created() - before;
      int runs = rounds.warmUps() + rounds.count();
      if (created != runs) {
        throw new IOException("of " + runs + " runs, " + created + " used the server");
      }
    }
    List<Alternative> alternatives = recording.alternatives(Unit.MILLISECONDS, others.keySet());
    return List.of(
        new Measurement(
            "program.true",
            "`./belljar run --quiet --no-server -c true`, the whole process",
            recording.samples("here", Unit.MILLISECONDS),
            TRUE_TARGET_MILLIS,
            alternatives),
        new Measurement(
            "program.true.served",
            "`./belljar run --quiet -c true` where the user runs a server, the whole process",
            recording.samples("served", Unit.MILLISECONDS),
            SERVED_TARGET_MILLIS,
            alternatives));
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
