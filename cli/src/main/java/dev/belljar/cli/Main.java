package dev.belljar.cli;

import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import picocli.CommandLine;
import picocli.CommandLine.Help;

/** Where the launcher {@code belljar} begins. */
public final class Main {
  /** In the order of the help. */
  private static final List<String> COMMANDS =
      List.of(
          "run",
          "demo",
          "doctor",
          "setup",
          "serve",
          "tokens",
          "create",
          "list",
          "exec",
          "copy",
          "extend",
          "kill",
          "pause",
          "resume",
          "checkpoint",
          "checkpoints",
          "volumes",
          "snapshots",
          "data",
          "help");

  /** No program's words stand there, so that options may come after other words. */
  private static final Set<String> WITHOUT_PROGRAM =
      Set.of("volumes", "snapshots", "checkpoints", "checkpoint", "pause", "resume", "data");

  private Main() {}

  /** Runs one command and ends this process with its exit status. */
  public static void main(String[] args) {
    int status = execute(StandardStreams.ofThisProcess(), args);
    if (args.length > 0 && (args[0].equals("run") || args[0].equals("exec"))) {
      QuickEnd.exit(status);
    }
    System.exit(status);
  }

  /** Runs one command and returns its exit status. Never throws. */
  static int execute(StandardStreams streams, String... args) {
    var out = new PrintWriter(new OutputStreamWriter(streams.out(), StandardCharsets.UTF_8), true);
    var err = new PrintWriter(streams.err(), true, StandardCharsets.UTF_8);
    var failures = new Failures(streams);
    var belljar = new CommandLine(new BelljarCommand());
    // Each that is looked through costs milliseconds, and a command that runs needs no other.
    boolean named = args.length > 0 && COMMANDS.contains(args[0]) && !args[0].equals("help");
    for (String name : named ? List.of(args[0]) : COMMANDS) {
      belljar.addSubcommand(command(name, streams));
    }
    belljar
        // Whatever follows FILE belongs to the program, also what looks like an option or a file.
        .setStopAtPositional(true)
        .setExpandAtFiles(false)
        .setColorScheme(Help.defaultColorScheme(Help.Ansi.OFF))
        .setUsageHelpAutoWidth(false)
        .setUsageHelpWidth(100)
        .setParameterExceptionHandler(failures)
        .setExecutionExceptionHandler(failures)
        .setOut(out)
        .setErr(err);
    belljar
        .getSubcommands()
        .forEach((name, command) -> command.setStopAtPositional(!WITHOUT_PROGRAM.contains(name)));
    return belljar.execute(args);
  }

  private static Object command(String name, StandardStreams streams) {
    return switch (name) {
      case "run" -> new RunCommand(streams);
      case "demo" -> new DemoCommand(streams);
      case "doctor" -> new DoctorCommand(streams);
      case "setup" -> new SetupCommand(streams);
      case "serve" -> new ServeCommand(streams);
      case "tokens" -> new TokensCommand(streams);
      case "create" -> new CreateCommand(streams);
      case "list" -> new ListCommand(streams);
      case "exec" -> new ExecCommand(streams);
      case "copy" -> new CopyCommand();
      case "extend" -> new ExtendCommand(streams);
      case "kill" -> new KillCommand();
      case "pause" -> new PauseCommand();
      case "resume" -> new ResumeCommand();
      case "checkpoint" -> new CheckpointCommand(streams);
      case "checkpoints" -> new CheckpointsCommand(streams);
      case "volumes" -> new VolumesCommand(streams);
      case "snapshots" -> new SnapshotsCommand(streams);
      case "data" -> new DataCommand(streams);
      case "help" -> new CommandLine.HelpCommand();
      default -> throw new IllegalArgumentException(name);
    };
  }
}
