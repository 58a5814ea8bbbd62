package dev.belljar.cli;

import dev.belljar.ByteSize;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
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
      names = "--memory",
      paramLabel = "SIZE",
      converter = ByteSizeConverter.class,
      description = "Its memory, 768MiB to 4GiB; 1280MiB unless given.")
  private @Nullable ByteSize memory;

  @Option(
      names = {"-e", "--env"},
      paramLabel = "K=V",
      description = "Set an environment variable.")
  private List<String> env = new ArrayList<>();

  @Option(
      names = {"-l", "--label"},
      paramLabel = "K=V",
      description = "A label to find it by; at most 5.")
  private List<String> labels = new ArrayList<>();

  @Option(
      names = "--allow-net",
      paramLabel = "HOST[:PORT]",
      split = ",",
      description = "Let it reach this host and no other; may be repeated.")
  private List<String> allowNet = new ArrayList<>();

  @Option(names = "--no-net", description = "Let it reach nothing at all.")
  private boolean noNet;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Mixin private EndpointOptions server = new EndpointOptions();

  CreateCommand(StandardStreams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws IOException {
    SandboxOptions.Builder options =
        SandboxOptions.builder()
            .endpoint(server.require())
            .timeout(timeout)
            .env(assignments("--env", env))
            .allowNet(allowNet);
    assignments("--label", labels).forEach(options::label);
    if (memory != null) {
      options.memory(memory);
    }
    if (noNet) {
      options.noNet();
    }
    try (Sandbox sandbox = Sandbox.create(options.build())) {
      if (json) {
        JsonOutput.print(
            JsonNodeFactory.instance
                .objectNode()
                .put("id", sandbox.id())
                .put("stop_at", sandbox.stopAt().toString()),
            streams.out());
      } else {
        streams.print(sandbox.id() + "\n");
      }
    }
    return ExitCode.SUCCESS;
  }

  /** {@code K=V} each. */
  static Map<String, String> assignments(String option, List<String> texts) {
    Map<String, String> map = new LinkedHashMap<>();
    for (String text : texts) {
      int equals = text.indexOf('=');
      if (equals <= 0) {
        throw new dev.belljar.InvalidOptionException(
            option + " " + text + " says nothing. Write " + option + " NAME=VALUE.");
      }
      map.put(text.substring(0, equals), text.substring(equals + 1));
    }
    return map;
  }
}
