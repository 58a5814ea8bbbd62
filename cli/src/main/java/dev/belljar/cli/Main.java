package dev.belljar.cli;

import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Help;

/** Where the launcher {@code belljar} begins. */
public final class Main {
  private Main() {}

  /** Runs one command and ends this process with its exit status. */
  public static void main(String[] args) {
    System.exit(execute(StandardStreams.ofThisProcess(), args));
  }

  /** Runs one command and returns its exit status. Never throws. */
  static int execute(StandardStreams streams, String... args) {
    var out = new PrintWriter(new OutputStreamWriter(streams.out(), StandardCharsets.UTF_8), true);
    var err = new PrintWriter(streams.err(), true, StandardCharsets.UTF_8);
    var failures = new Failures(streams);
    var volumes = new CommandLine(new VolumesCommand(streams));
    var snapshots = new CommandLine(new SnapshotsCommand(streams));
    var data = new CommandLine(new DataCommand(streams));
    var checkpoints = new CommandLine(new CheckpointsCommand(streams));
    var checkpoint = new CommandLine(new CheckpointCommand(streams));
    var pause = new CommandLine(new PauseCommand());
    var resume = new CommandLine(new ResumeCommand());
    CommandLine belljar =
        new CommandLine(new BelljarCommand())
            .addSubcommand(new RunCommand(streams))
            .addSubcommand(new DemoCommand(streams))
            .addSubcommand(new DoctorCommand(streams))
            .addSubcommand(new SetupCommand(streams))
            .addSubcommand(new ServeCommand(streams))
            .addSubcommand(new TokensCommand(streams))
            .addSubcommand(new CreateCommand(streams))
            .addSubcommand(new ListCommand(streams))
            .addSubcommand(new ExecCommand(streams))
            .addSubcommand(new CopyCommand())
            .addSubcommand(new ExtendCommand(streams))
            .addSubcommand(new KillCommand())
            .addSubcommand(pause)
            .addSubcommand(resume)
            .addSubcommand(checkpoint)
            .addSubcommand(checkpoints)
            .addSubcommand(volumes)
            .addSubcommand(snapshots)
            .addSubcommand(data)
            .addSubcommand(new CommandLine.HelpCommand())
            // Whatever follows FILE belongs to the program, also what looks like an option or a
            // file.
            .setStopAtPositional(true)
            .setExpandAtFiles(false)
            .setColorScheme(Help.defaultColorScheme(Help.Ansi.OFF))
            .setUsageHelpAutoWidth(false)
            .setUsageHelpWidth(100)
            .setParameterExceptionHandler(failures)
            .setExecutionExceptionHandler(failures)
            .setOut(out)
            .setErr(err);
    // No program's words stand there.
    List.of(volumes, snapshots, checkpoints, checkpoint, pause, resume, data)
        .forEach(command -> command.setStopAtPositional(false));
    return belljar.execute(args);
  }
}
