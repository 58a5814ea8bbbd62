package dev.belljar.bench;

import dev.belljar.Sandbox;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/** The smallest program of a language: in a new sandbox, in a running one, and on this host. */
final class HelloProgram implements Subject {
  private static final String ANSWER = "hello";
  private static final double DENO_TARGET_MILLIS = 900;

  private final String name;
  private final String file;
  private final String source;
  private final List<String> args;
  private final OptionalDouble target;
  private final HostRuntime runtime;

  /** Finds what runs the language on this host. */
  private interface HostRuntime {
    Optional<Path> find(Workbench bench) throws Exception;
  }

  private HelloProgram(
      String name,
      String file,
      String source,
      List<String> args,
      OptionalDouble target,
      HostRuntime runtime) {
    this.name = name;
    this.file = file;
    this.source = source;
    this.args = args;
    this.target = target;
    this.runtime = runtime;
  }

  static HelloProgram deno() {
    return new HelloProgram(
        "deno",
        "hello.ts",
        "console.log('hello')\n",
        List.of("run"),
        OptionalDouble.of(DENO_TARGET_MILLIS),
        HostRuntimes::deno);
  }

  static HelloProgram node() {
    return new HelloProgram(
        "node",
        "hello.mjs",
        "console.log('hello')\n",
        List.of(),
        OptionalDouble.empty(),
        bench -> HostRuntimes.node());
  }

  static HelloProgram python() {
    return new HelloProgram(
        "python3",
        "hello.py",
        "print('hello')\n",
        List.of(),
        OptionalDouble.empty(),
        bench -> HostRuntimes.python());
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public List<Measurement> measure(Workbench bench) throws Exception {
    try (Sandbox running = Sandbox.create()) {
      running.fs().writeTextFile(guestFile(), source);
      List<Task> tasks = new ArrayList<>();
      tasks.add(this::inNewSandbox);
      tasks.add(
          into -> {
            long began = System.nanoTime();
            check(guestCommand().text(running));
            into.addMillisSince("running", began);
          });
      Map<String, HostCommand> others = alternatives(bench);
      Path program = bench.scratch().directory().resolve(file);
      others.forEach((where, command) -> tasks.add(into -> onHost(command, program, where, into)));
      Recording recording = bench.rounds().play(tasks);
      List<Alternative> alternatives = recording.alternatives(Unit.MILLISECONDS, others.keySet());
      String command = "`" + String.join(" ", words(name, file)) + "`";
      return List.of(
          new Measurement(
              name + ".new",
              command + " as the first command of a new sandbox",
              recording.samples("new", Unit.MILLISECONDS),
              target,
              alternatives),
          new Measurement(
              name + ".running",
              command + " in a running sandbox",
              recording.samples("running", Unit.MILLISECONDS),
              target,
              alternatives),
          new Measurement(
              name + ".with-create",
              command + ", with creating the sandbox and writing the file",
              recording.samples("with-create", Unit.MILLISECONDS),
              OptionalDouble.empty(),
              alternatives));
    }
  }

  private void inNewSandbox(Recording into) throws IOException {
    long began = System.nanoTime();
    try (Sandbox sandbox = Sandbox.create()) {
      sandbox.fs().writeTextFile(guestFile(), source);
      long ready = System.nanoTime();
      check(guestCommand().text(sandbox));
      into.addMillisSince("new", ready);
      into.addMillisSince("with-create", began);
    }
  }

  /** Empty where this host has no such runtime. */
  private Map<String, HostCommand> alternatives(Workbench bench) throws Exception {
    Optional<Path> host = runtime.find(bench);
    if (host.isEmpty()) {
      return Map.of();
    }
    Path scratch = bench.scratch().directory();
    Path program = Files.writeString(scratch.resolve(file), source);
    return bench.alternatives(
        new HostCommand(
            words(host.get().toString(), program.toString()), HostRuntimes.env(scratch)),
        scratch);
  }

  private void onHost(HostCommand command, Path program, String figure, Recording into)
      throws IOException, InterruptedException {
    Files.writeString(program, source);
    long began = System.nanoTime();
    check(command.text());
    into.addMillisSince(figure, began);
  }

  private String guestFile() {
    return "/tmp/" + file;
  }

  private GuestCommand guestCommand() {
    List<String> words = words(name, guestFile());
    return new GuestCommand(name, words.subList(1, words.size()));
  }

  private List<String> words(String command, String program) {
    List<String> words = new ArrayList<>(List.of(command));
    words.addAll(args);
    words.add(program);
    return words;
  }

  private void check(String output) throws IOException {
    if (!output.strip().equals(ANSWER)) {
      throw new IOException(name + " printed '" + output.strip() + "', not '" + ANSWER + "'");
    }
  }
}
