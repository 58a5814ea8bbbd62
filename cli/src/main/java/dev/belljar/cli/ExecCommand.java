package dev.belljar.cli;

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

/** {@code belljar exec}. */
@Command(
    name = "exec",
    mixinStandardHelpOptions = true,
    versionProvider = BelljarCommand.Version.class,
    exitCodeOnInvalidInput = ExitCode.BELLJAR_FAILED,
    exitCodeOnExecutionException = ExitCode.BELLJAR_FAILED,
    description = {
      "Runs a command in a sandbox of a server, passes input and output on as they come, and ends with"
          + " the command's exit status.",
      ""
    },
    footer = {
      "",
      "Exit status: the command's own; 128+N where signal N ended it; 125 where Belljar failed or was",
      "called wrongly; 126 and 127 where the command cannot be executed or does not exist.",
      "",
      "Examples:",
      "  belljar exec $id uname -a",
      "  belljar exec $id -- ls -l",
      "  belljar exec --cwd /tmp $id sh -c 'cat > data' < data"
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
    List<String> command = command();
    SpawnOptions.Builder options =
        SpawnOptions.builder()
            .args(command.subList(1, command.size()))
            .env(NewSandbox.assignments("--env", env))
            .stdin(SpawnOptions.Stdio.PIPED)
            .piped();
    Optional.ofNullable(cwd).map(GuestPath::absolute).ifPresent(options::cwd);
    try (Sandbox sandbox = Sandbox.connect(id, server.require());
        ChildProcess child = sandbox.spawn(command.getFirst(), options.build())) {
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
    } catch (dev.belljar.NotFoundException e) {
      streams.say(String.valueOf(e.getMessage()));
      return NOT_FOUND;
    } catch (dev.belljar.PermissionDeniedException e) {
      streams.say(String.valueOf(e.getMessage()));
      return NOT_EXECUTABLE;
    }
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
