package dev.belljar.cli;

import dev.belljar.Endpoint;
import dev.belljar.InvalidOptionException;
import dev.belljar.SandboxOptions;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code belljar run}. */
@Command(
    name = "run",
    mixinStandardHelpOptions = true,
    versionProvider = BelljarCommand.Version.class,
    exitCodeOnInvalidInput = ExitCode.BELLJAR_FAILED,
    exitCodeOnExecutionException = ExitCode.BELLJAR_FAILED,
    customSynopsis = {
      "belljar run [OPTIONS] FILE [ARG...]",
      "       belljar run [OPTIONS] --lang LANG - [ARG...] < SCRIPT",
      "       belljar run [OPTIONS] -c COMMAND [ARG...]"
    },
    description = {
      "Runs a script (.ts .js .mjs .py .sh) or a shell command in a fresh sandbox that is destroyed"
          + " afterwards, passes input and output on as they come, and ends with the program's exit"
          + " status.",
      "",
      "The script becomes /home/app/FILE in the sandbox, where it also starts. Everything after FILE"
          + " belongs to the program. Deno gets all of its permissions: the sandbox is the boundary."
          + " What the program leaves running is killed when it ends.",
      ""
    },
    footer = {
      "",
      "Exit status: the program's own; 128+N where signal N ended it; 124 where --timeout ended it;",
      "125 where Belljar failed or was called wrongly; 126 and 127 where a command cannot be executed",
      "or does not exist; 130 after Ctrl-C.",
      "",
      "Examples:",
      "  belljar run hello.ts --name World             --name goes to the program",
      "  belljar run --timeout 10s --memory 2GiB x.py",
      "  belljar run --allow-net api.example.com:443,*.example.org fetch.mjs",
      "  belljar run --allow-net api.example.com --secret API_KEY@api.example.com=MY_KEY agent.py",
      "  belljar run --copy lib --copy data.csv:/tmp/in.csv main.py",
      "  belljar run --root tools --volume data:/data -c 'cowsay < /data/note'",
      "  belljar run --checkpoint warm -c 'curl -s localhost:8000'",
      "  echo 'print(6*7)' | belljar run --lang python -",
      "  belljar run -c 'echo \"$1\"' 'an argument'",
      "  belljar run --json -c 'exit 3' | jq .status",
      "",
      "Where this user runs 'belljar serve', the sandbox is made there, which is faster; not with",
      "--no-server, --root, --volume, --checkpoint or --insecure-jail.",
      "",
      "Input is passed on even if the program does not read it; in a shell loop that reads,",
      "add < /dev/null."
    })
final class RunCommand implements Callable<Integer> {
  /** What the machine may take longer than the program before it is destroyed in any case. */
  private static final Duration LIFETIME_MARGIN = Duration.ofMinutes(5);

  private final StandardStreams streams;

  @Option(
      names = {"-c", "--command"},
      paramLabel = "COMMAND",
      description = "Run this shell command instead of a file.")
  private @Nullable String shellCommand;

  @Option(
      names = "--lang",
      paramLabel = "LANG",
      description = "What runs the script: deno, node, python or bash (or ts, js, mjs, py, sh).")
  private @Nullable String language;

  @Option(
      names = "--timeout",
      paramLabel = "TIME",
      converter = DurationConverter.class,
      description = "Kill the program after this time, for example 10s or 1m30s.")
  private @Nullable Duration timeout;

  @Option(
      names = "--copy",
      paramLabel = "LOCAL[:GUEST]",
      description =
          "Copy a file or directory into the sandbox first; into /home/app unless GUEST says where."
              + " '--copy .' copies all that is here.")
  private List<String> copies = new ArrayList<>();

  @Option(
      names = "--cwd",
      paramLabel = "DIR",
      description = "Where in the sandbox the program starts; made if it is not there.")
  private @Nullable String cwd;

  @Option(
      names = "--json",
      description =
          "Print one JSON object instead: status, output (at most 16 MiB each), timings, isolation"
              + " and connections.")
  private boolean json;

  @Option(
      names = {"-q", "--quiet"},
      description = "Say nothing but errors.")
  private boolean quiet;

  @Option(
      names = {"-v", "--verbose"},
      description = "Say more: how the sandbox is isolated, and each connection that leaves it.")
  private boolean verbose;

  @Mixin private NewSandbox sandbox = new NewSandbox();

  @Mixin private EndpointOptions server = new EndpointOptions();

  @Option(
      names = "--no-server",
      description =
          "Make the sandbox in this process, also where this user runs 'belljar serve', which makes"
              + " it faster, or $BELLJAR_ENDPOINT names a server. BELLJAR_NO_SERVER=1 does the same"
              + " where no server is named.")
  private boolean noServer;

  @Mixin private JailOption jail = new JailOption();

  @Parameters(paramLabel = "FILE ARG", hidden = true)
  private List<String> words = new ArrayList<>();

  RunCommand(StandardStreams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws IOException {
    CommandLogging.to(streams, logDetail());
    Program program = program();
    ServerChoice choice = server(System.getenv());
    var request =
        new RunRequest(
            program,
            choice,
            options(choice),
            copies.stream().map(CopyRequest::parse).toList(),
            Optional.ofNullable(cwd).map(GuestPath::absolute),
            Optional.ofNullable(timeout));
    if (!quiet) {
      NewSandbox.warnOfSecrets(request.options(), streams);
    }
    if (request.options().endpoint().isPresent()) {
      if (jail.insecure()) {
        throw new InvalidOptionException(
            "--insecure-jail is for machines on this host; a server is started with it.");
      }
    } else {
      jail.apply();
      FirstUse.prepare(streams, quiet || json);
    }
    if (json) {
      return new CapturedRun(streams, request).call();
    }
    return new StreamedRun(streams, request, quiet, verbose).call();
  }

  private CommandLogging.Detail logDetail() {
    if (quiet) {
      return CommandLogging.Detail.ERRORS;
    }
    if (verbose) {
      return CommandLogging.Detail.AUDIT;
    }
    return streams.terminal() && !json
        ? CommandLogging.Detail.NOTES
        : CommandLogging.Detail.WARNINGS;
  }

  private Program program() {
    Optional<String> languageName = Optional.ofNullable(language);
    if (shellCommand != null) {
      if (languageName.isPresent()) {
        throw new InvalidOptionException("-c is a shell command and takes no --lang.");
      }
      return Program.ofShellCommand(shellCommand, words);
    }
    if (words.isEmpty()) {
      throw new InvalidOptionException(
          "There is nothing to run. Name a FILE, or write -c 'COMMAND'; see belljar run --help.");
    }
    List<String> args = words.subList(1, words.size());
    return words.getFirst().equals("-")
        ? Program.ofInput(streams.in(), languageName, args)
        : Program.ofFile(words.getFirst(), languageName, args);
  }

  /**
   * The server that is named, else the one that this user runs, unless storage is named, which may
   * be the user's own and not the server's, or something that only this process can do is wanted.
   * An option goes before what the environment names.
   */
  ServerChoice server(Map<String, String> environment) throws IOException {
    if (noServer) {
      if (server.given()) {
        throw new InvalidOptionException(
            "--no-server makes the sandbox in this process: leave it out, or --endpoint and"
                + " --token-file.");
      }
      return ServerChoice.named(Optional.empty());
    }
    Optional<Endpoint> named = server.find(environment);
    if (named.isPresent()
        || ServerChoice.isOff(environment)
        || jail.insecure()
        || sandbox.namesStorage()) {
      return ServerChoice.named(named);
    }
    return ServerChoice.ofUser(environment);
  }

  private SandboxOptions options(ServerChoice choice) throws IOException {
    SandboxOptions.Builder options = sandbox.options(choice.endpoint());
    // One that was found ends the sandbox with the connection, and so with this process.
    if (timeout != null && !choice.found()) {
      options.timeout(timeout.plus(LIFETIME_MARGIN));
    }
    return options.build();
  }
}
