package dev.belljar.cli;

import dev.belljar.BelljarException;
import dev.belljar.ChildProcess;
import dev.belljar.InvalidOptionException;
import dev.belljar.Sandbox;
import dev.belljar.SpawnOptions;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.node.JsonNodeFactory;

/** {@code belljar exec}. */
@Command(
    name = "exec",
    mixinStandardHelpOptions = true,
    versionProvider = BelljarCommand.Version.class,
    exitCodeOnInvalidInput = ExitCode.BELLJAR_FAILED,
    exitCodeOnExecutionException = ExitCode.BELLJAR_FAILED,
    description = {
      "Runs a command in a sandbox of a server, passes input and output on as they come, and ends with"
          + " the command's exit status. What the command leaves running is ended with it; a program"
          + " that is to go on is started with --detach.",
      ""
    },
    footer = {
      "",
      "Exit status: the command's own; 128+N where signal N ended it; 125 where Belljar failed or was",
      "called wrongly; 126 and 127 where the command cannot be executed or does not exist. With",
      "--detach 0 once the command was started.",
      "",
      "Examples:",
      "  belljar exec $id uname -a",
      "  belljar exec $id -- ls -l",
      "  belljar exec --cwd /tmp $id sh -c 'cat > data' < data",
      "  pid=$(belljar exec --detach $id python3 -m http.server)",
      "  belljar exec --detach $id sh -c 'exec ./server > server.log 2>&1'",
      "  belljar exec $id kill $pid"
    })
final class ExecCommand implements Callable<Integer> {
  private static final int NOT_EXECUTABLE = 126;
  private static final int NOT_FOUND = 127;

  private final StandardStreams streams;

  @Option(
      names = {"-e", "--env"},
      paramLabel = "K=V",
      description = "Set an environment variable.")
  private List<String> env = new ArrayList<>();

  @Option(names = "--cwd", paramLabel = "DIR", description = "Where the command starts.")
  private @Nullable String cwd;

  @Option(
      names = {"-d", "--detach"},
      description =
          "Start the command without input, print its process id in the sandbox, and leave it running."
              + " Its output is thrown away; the command can write it to a file.")
  private boolean detach;

  @Option(names = "--json", description = "With --detach: print one JSON object.")
  private boolean json;

  @Parameters(index = "0", paramLabel = "ID", description = "The sandbox: sbx_…")
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private String id;

  @Parameters(
      index = "1..*",
      arity = "1..*",
      paramLabel = "COMMAND",
      description = "The command and its arguments; a -- before it is left out.")
  private List<String> words = new ArrayList<>();

  @Mixin private EndpointOptions server = new EndpointOptions();

  ExecCommand(StandardStreams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    if (json && !detach) {
      throw new InvalidOptionException(
          "--json is for --detach: without that, what is printed is the command's output.");
    }
    List<String> command = command();
    SpawnOptions.Builder options =
        SpawnOptions.builder()
            .args(command.subList(1, command.size()))
            .env(NewSandbox.assignments("--env", env));
    Optional.ofNullable(cwd).map(GuestPath::absolute).ifPresent(options::cwd);
    try (Sandbox sandbox = Sandbox.connect(id, server.require())) {
      return detach
          ? start(sandbox, command.getFirst(), options)
          : run(sandbox, command.getFirst(), options);
    } catch (dev.belljar.NotFoundException e) {
      return notStarted(e, NOT_FOUND);
    } catch (dev.belljar.PermissionDeniedException e) {
      return notStarted(e, NOT_EXECUTABLE);
    }
  }

  private int run(Sandbox sandbox, String command, SpawnOptions.Builder options)
      throws InterruptedException {
    options.stdin(SpawnOptions.Stdio.PIPED).piped();
    try (ChildProcess child = sandbox.spawn(command, options.build())) {
      InputPump.start(streams.in(), child.stdin());
      var output = OutputPump.start("stdout", child.stdout(), streams.out(), child::close);
      var errors = OutputPump.start("stderr", child.stderr(), streams.err(), child::close);
      int code = child.status().code();
      // What was left running goes on, and may hold the output open.
      while (!(output.await(ProgramRun.LINGER) && errors.await(ProgramRun.LINGER))) {
        if (output.silence().compareTo(ProgramRun.LINGER) > 0
            && errors.silence().compareTo(ProgramRun.LINGER) > 0) {
          break;
        }
      }
      Optional<IOException> failure = output.failure().or(errors::failure);
      if (failure.isPresent()) {
        throw new OutputClosedException(failure.get());
      }
      return code;
    }
  }

  /** Closing the process would end it; of the connection it is independent. */
  private int start(Sandbox sandbox, String command, SpawnOptions.Builder options)
      throws IOException {
    options.stdout(SpawnOptions.Stdio.NULL).stderr(SpawnOptions.Stdio.NULL);
    int pid = sandbox.spawn(command, options.build()).pid();
    if (json) {
      JsonOutput.print(JsonNodeFactory.instance.objectNode().put("pid", pid), streams.out());
    } else {
      streams.print(pid + "\n");
    }
    return ExitCode.SUCCESS;
  }

  private int notStarted(BelljarException failure, int exitCode) {
    Failures.report(streams, "sandbox", String.valueOf(failure.getMessage()), json);
    return exitCode;
  }

  /** A {@code --} after the id ends the options, which ended with the id anyway. */
  private List<String> command() {
    List<String> command = words.getFirst().equals("--") ? words.subList(1, words.size()) : words;
    if (command.isEmpty()) {
      throw new InvalidOptionException(
          "There is no command after '--'. Write belljar exec ID -- COMMAND [ARG...].");
    }
    return command;
  }
}
