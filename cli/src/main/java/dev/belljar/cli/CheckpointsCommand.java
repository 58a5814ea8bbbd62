package dev.belljar.cli;

import dev.belljar.ByteSize;
import dev.belljar.Checkpoint;
import dev.belljar.Checkpoints;
import java.io.IOException;
import java.time.temporal.ChronoUnit;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** {@code belljar checkpoints}: sandboxes as they were at an instant. */
@Command(
    name = "checkpoints",
    mixinStandardHelpOptions = true,
    versionProvider = BelljarCommand.Version.class,
    description =
        "Lists and deletes checkpoints: a sandbox as it was at an instant, with memory, processes and"
            + " disks. Any number of sandboxes can go on from one.",
    synopsisSubcommandLabel = "COMMAND",
    footer = {
      "",
      "Examples:",
      "  belljar checkpoint $id warm                         of a sandbox that runs",
      "  belljar create --checkpoint warm --timeout 10m      another that goes on from there",
      "  belljar run --checkpoint warm -c 'curl localhost:8000'",
      "  belljar checkpoints list",
      "  belljar checkpoints delete warm"
    })
final class CheckpointsCommand implements Runnable {
  private static final StoredThings<Checkpoint> SHOWN =
      new StoredThings<>(
          "checkpoint",
          CheckpointsCommand::describe,
          CheckpointsCommand::line,
          CheckpointsCommand::facts);

  private final StandardStreams streams;

  @Spec
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private CommandSpec spec;

  CheckpointsCommand(StandardStreams streams) {
    this.streams = streams;
  }

  @Override
  public void run() {
    throw new ParameterException(
        spec.commandLine(),
        "Say what to do: list, get or delete. 'belljar checkpoint ID SLUG' makes one.");
  }

  @Command(
      name = "list",
      mixinStandardHelpOptions = true,
      description =
          "Lists the checkpoints, oldest first: id, slug, what it takes on the disk, memory and"
              + " processors of its sandboxes, and when it was made.",
      footer = {"", "Example:", "  belljar checkpoints list --search warm"})
  int list(@Mixin StoredThings.ListOptions options, @Mixin EndpointOptions server)
      throws IOException {
    return SHOWN.list(checkpoints(server)::list, options, streams);
  }

  @Command(
      name = "get",
      mixinStandardHelpOptions = true,
      description = "Prints what is known of a checkpoint.",
      footer = {"", "Example:", "  belljar checkpoints get --json warm"})
  int get(
      @Parameters(paramLabel = "NAME", description = "Its id or slug.") String name,
      @Option(names = "--json", description = "Print one JSON object.") boolean json,
      @Mixin EndpointOptions server)
      throws IOException {
    return SHOWN.one(checkpoints(server).get(name), name, json, streams);
  }

  @Command(
      name = "delete",
      mixinStandardHelpOptions = true,
      description =
          "Deletes checkpoints. Their slugs are free at once; their data is kept for as long as a"
              + " sandbox that goes on from it runs.",
      footer = {"", "Example:", "  belljar checkpoints delete warm"})
  int delete(
      @Parameters(arity = "1..*", paramLabel = "NAME", description = "Their ids or slugs.")
          List<String> names,
      @Mixin EndpointOptions server)
      throws IOException {
    names.forEach(checkpoints(server)::delete);
    return ExitCode.SUCCESS;
  }

  private static String line(Checkpoint checkpoint) {
    return String.format(
        "%s  %-24s  %10s  %8s  %2d vCPUs  %s",
        checkpoint.id(),
        checkpoint.slug(),
        new ByteSize(checkpoint.allocatedSize()),
        new ByteSize(checkpoint.memory()),
        checkpoint.vcpus(),
        checkpoint.createdAt().truncatedTo(ChronoUnit.SECONDS));
  }

  private static Facts facts(Checkpoint checkpoint) {
    return new Facts()
        .add("id", checkpoint.id())
        .add("slug", checkpoint.slug())
        .add("region", checkpoint.region())
        .add("memory", new ByteSize(checkpoint.memory()))
        .add("vcpus", checkpoint.vcpus())
        .add("its own", new ByteSize(checkpoint.allocatedSize()))
        .add("made of", checkpoint.sandbox())
        .add("made", checkpoint.createdAt().truncatedTo(ChronoUnit.SECONDS));
  }

  private static Checkpoints checkpoints(EndpointOptions server) throws IOException {
    return server.storage().checkpoints();
  }

  static ObjectNode describe(Checkpoint checkpoint) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("id", checkpoint.id())
        .put("slug", checkpoint.slug())
        .put("region", checkpoint.region())
        .put("memory", checkpoint.memory())
        .put("vcpus", checkpoint.vcpus())
        .put("allocated_size", checkpoint.allocatedSize())
        .put("sandbox", checkpoint.sandbox())
        .put("created_at", checkpoint.createdAt().toString());
  }
}
