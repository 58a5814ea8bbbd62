package dev.belljar.cli;

import dev.belljar.Sandbox;
import dev.belljar.SandboxInfo;
import java.io.IOException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** {@code belljar list}. */
@Command(
    name = "list",
    mixinStandardHelpOptions = true,
    versionProvider = BelljarCommand.Version.class,
    description =
        "Lists the sandboxes of a server, newest first; those that run, unless asked for all.")
final class ListCommand implements Callable<Integer> {
  private final StandardStreams streams;

  @Option(
      names = {"-l", "--label"},
      paramLabel = "K=V",
      description = "Only those with this label; may be repeated.")
  private List<String> labels = new ArrayList<>();

  @Option(
      names = {"-a", "--all"},
      description = "Those that have ended as well.")
  private boolean all;

  @Option(names = "--json", description = "Print one JSON array.")
  private boolean json;

  @Mixin private EndpointOptions server = new EndpointOptions();

  ListCommand(StandardStreams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws IOException {
    List<SandboxInfo> found =
        Sandbox.list(server.require(), NewSandbox.assignments("--label", labels)).stream()
            .filter(sandbox -> all || sandbox.stoppedAt().isEmpty())
            .toList();
    if (json) {
      ArrayNode list = JsonNodeFactory.instance.arrayNode();
      found.forEach(sandbox -> list.add(describe(sandbox)));
      JsonOutput.print(list, streams.out());
      return ExitCode.SUCCESS;
    }
    StringBuilder text = new StringBuilder();
    for (SandboxInfo sandbox : found) {
      text.append(
          String.format(
              "%s  %-8s  %s  %s%n",
              sandbox.id(),
              sandbox.status(),
              sandbox.createdAt().truncatedTo(ChronoUnit.SECONDS),
              String.join(
                  " ",
                  sandbox.labels().entrySet().stream()
                      .sorted(java.util.Map.Entry.comparingByKey())
                      .map(label -> label.getKey() + "=" + label.getValue())
                      .toList())));
    }
    streams.print(text.toString());
    return ExitCode.SUCCESS;
  }

  private static ObjectNode describe(SandboxInfo sandbox) {
    ObjectNode node =
        JsonNodeFactory.instance
            .objectNode()
            .put("id", sandbox.id())
            .put("status", sandbox.status())
            .put("region", sandbox.region())
            .put("created_at", sandbox.createdAt().toString())
            .put("stopped_at", sandbox.stoppedAt().map(Instant::toString).orElse(null));
    ObjectNode labels = node.putObject("labels");
    sandbox.labels().forEach(labels::put);
    return node;
  }
}
