package dev.belljar.cli;

import dev.belljar.ByteSize;
import dev.belljar.Snapshot;
import dev.belljar.Snapshots;
import dev.belljar.Storage;
import java.io.IOException;
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

/** {@code belljar snapshots}: disks as they were at an instant. */
@Command(
    name = "snapshots",
    mixinStandardHelpOptions = true,
    versionProvider = BelljarCommand.Version.class,
    description =
        "Makes, lists and deletes snapshots: a volume as it was at an instant. Any number of sandboxes"
            + " can have one as their root; what they write is gone with them.",
    synopsisSubcommandLabel = "COMMAND",
    footer = {
      "",
      "Examples:",
      "  belljar snapshots create tools tools-1              of the volume tools",
      "  belljar run --root tools-1 -c 'cowsay moo'",
      "  belljar volumes create more --capacity 4GB --from tools-1",
      "  belljar snapshots list",
      "  belljar snapshots delete tools-1"
    })
final class SnapshotsCommand implements Runnable {
  private static final StoredThings<Snapshot> SHOWN =
      new StoredThings<>(
          "snapshot", SnapshotsCommand::describe, SnapshotsCommand::line, SnapshotsCommand::facts);

  private final StandardStreams streams;

  @Spec
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private CommandSpec spec;

  SnapshotsCommand(StandardStreams streams) {
    this.streams = streams;
  }

  @Override
  public void run() {
    throw new ParameterException(
        spec.commandLine(), "Say what to do: create, list, get or delete.");
  }

  @Command(
      name = "create",
      mixinStandardHelpOptions = true,
      description =
          "Makes a snapshot of a volume and prints the snapshot's id. On a server also while a sandbox"
              + " of it has the volume; on this machine not while one of another 'belljar run' does:"
              + " only who runs a sandbox can make a snapshot of what it has.",
      footer = {"", "Example:", "  belljar snapshots create tools tools-1"})
  int create(
      @Parameters(paramLabel = "VOLUME", description = "The volume's id or slug.") String volume,
      @Parameters(
              paramLabel = "SLUG",
              description = "The snapshot's name: 1 to 63 of a-z, 0-9 and -, no - at either end.")
          String slug,
      @Option(names = "--json", description = "Print one JSON object.") boolean json,
      @Mixin EndpointOptions server)
      throws IOException {
    Snapshot made = server.storage().volumes().snapshot(volume, slug);
    if (json) {
      JsonOutput.print(describe(made), streams.out());
    } else {
      streams.print(made.id() + "\n");
    }
    return ExitCode.SUCCESS;
  }

  @Command(
      name = "list",
      mixinStandardHelpOptions = true,
      description =
          "Lists the snapshots, oldest first: id, slug, what it takes alone and in all, whether it can"
              + " be a root, and its volume.",
      footer = {"", "Example:", "  belljar snapshots list --search tools"})
  int list(@Mixin StoredThings.ListOptions options, @Mixin EndpointOptions server)
      throws IOException {
    return SHOWN.list(snapshots(server)::list, options, streams);
  }

  @Command(
      name = "get",
      mixinStandardHelpOptions = true,
      description = "Prints what is known of a snapshot.",
      footer = {"", "Example:", "  belljar snapshots get --json tools-1"})
  int get(
      @Parameters(paramLabel = "NAME", description = "Its id or slug.") String name,
      @Option(names = "--json", description = "Print one JSON object.") boolean json,
      @Mixin EndpointOptions server)
      throws IOException {
    Storage storage = server.storage();
    return SHOWN.one(
        storage.snapshots().get(name),
        name,
        () -> storage.volumes().get(name).map(volume -> "volume"),
        json,
        streams);
  }

  @Command(
      name = "delete",
      mixinStandardHelpOptions = true,
      description =
          "Deletes snapshots. Their slugs are free at once; their data is kept for as long as something"
              + " is built on it or runs from it.",
      footer = {"", "Example:", "  belljar snapshots delete tools-1"})
  int delete(
      @Parameters(arity = "1..*", paramLabel = "NAME", description = "Their ids or slugs.")
          List<String> names,
      @Mixin EndpointOptions server)
      throws IOException {
    names.forEach(snapshots(server)::delete);
    return ExitCode.SUCCESS;
  }

  private static String line(Snapshot snapshot) {
    return String.format(
        "%s  %-24s  %10s of %-10s  %-8s  %s",
        snapshot.id(),
        snapshot.slug(),
        new ByteSize(snapshot.allocatedSize()),
        new ByteSize(snapshot.flattenedSize()),
        snapshot.bootable() ? "bootable" : "",
        snapshot.volume().slug());
  }

  private static Facts facts(Snapshot snapshot) {
    return new Facts()
        .add("id", snapshot.id())
        .add("slug", snapshot.slug())
        .add("region", snapshot.region())
        .add("capacity", new ByteSize(snapshot.capacity()))
        .add("its own", new ByteSize(snapshot.allocatedSize()))
        .add("in all", new ByteSize(snapshot.flattenedSize()))
        .add("bootable", snapshot.bootable() ? "yes" : "no")
        .add("made of", snapshot.volume().slug() + " (" + snapshot.volume().id() + ")");
  }

  private static Snapshots snapshots(EndpointOptions server) throws IOException {
    return server.storage().snapshots();
  }

  private static ObjectNode describe(Snapshot snapshot) {
    ObjectNode node =
        JsonNodeFactory.instance
            .objectNode()
            .put("id", snapshot.id())
            .put("slug", snapshot.slug())
            .put("region", snapshot.region())
            .put("capacity", snapshot.capacity())
            .put("allocated_size", snapshot.allocatedSize())
            .put("flattened_size", snapshot.flattenedSize())
            .put("bootable", snapshot.bootable());
    node.putObject("volume")
        .put("id", snapshot.volume().id())
        .put("slug", snapshot.volume().slug());
    return node;
  }
}
