package dev.belljar.cli;

import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.JsonNodeFactory;

/** {@code belljar create}. */
@Command(
    name = "create",
    mixinStandardHelpOptions = true,
    versionProvider = BelljarCommand.Version.class,
    description = {
      "Makes a sandbox on a server and prints its id. It lives for --timeout, whatever happens to this"
          + " command; use it with exec and copy, give it more time with extend, end it with kill.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  id=$(belljar create --timeout 10m)",
      "  belljar exec $id uname -a",
      "  belljar kill $id"
    })
final class CreateCommand implements Callable<Integer> {
  private final StandardStreams streams;

  @Option(
      names = "--timeout",
      paramLabel = "TIME",
      defaultValue = "10m",
      converter = DurationConverter.class,
      description = "How long it lives, for example 30s or 5m; 10m unless given.")
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private Duration timeout;

  @Option(
      names = {"-l", "--label"},
      paramLabel = "K=V",
      description = "A label to find it by; at most 5.")
  private List<String> labels = new ArrayList<>();

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Mixin private NewSandbox sandbox = new NewSandbox();

  @Mixin private EndpointOptions server = new EndpointOptions();

  CreateCommand(StandardStreams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws IOException {
    SandboxOptions.Builder builder =
        sandbox.options(Optional.of(server.require())).timeout(timeout);
    NewSandbox.assignments("--label", labels).forEach(builder::label);
    SandboxOptions options = builder.build();
    NewSandbox.warnOfSecrets(options, streams);
    try (Sandbox made = Sandbox.create(options)) {
      if (json) {
        JsonOutput.print(
            JsonNodeFactory.instance
                .objectNode()
                .put("id", made.id())
                .put("stop_at", made.stopAt().toString()),
            streams.out());
      } else {
        streams.print(made.id() + "\n");
      }
    }
    return ExitCode.SUCCESS;
  }
}
