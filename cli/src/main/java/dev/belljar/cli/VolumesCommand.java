package dev.belljar.cli;

import dev.belljar.ByteSize;
import dev.belljar.Storage;
import dev.belljar.Volume;
import dev.belljar.VolumeOptions;
import dev.belljar.Volumes;
import java.io.IOException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** {@code belljar volumes}: disks that outlive sandboxes. */
@Command(
    name = "volumes",
    mixinStandardHelpOptions = true,
    versionProvider = BelljarCommand.Version.class,
    description =
        "Makes, lists, deletes and restores volumes: disks that outlive the sandboxes that have them,"
            + " one sandbox at a time. They are on this machine, or on the server that is named.",
    synopsisSubcommandLabel = "COMMAND",
    footer = {
      "",
      "Examples:",
      "  belljar volumes create data --capacity 2GB          empty, to be mounted",
      "  belljar run --volume data:/data -c 'date >> /data/log'",
      "  belljar volumes create tools --capacity 4GB --from builtin:debian-13",
      "  belljar run --root tools -c 'sudo apt-get update && sudo apt-get install -y cowsay'",
      "  belljar volumes list",
      "  belljar volumes delete data && belljar volumes restore data",
      "",
      "A volume made from builtin:debian-13, or from a snapshot of such a volume, can be a sandbox's",
      "root. 'belljar snapshots' keeps what a volume is at an instant."
    })
final class VolumesCommand implements Runnable {
  private static final StoredThings<Volume> SHOWN =
      new StoredThings<>(
          "volume", VolumesCommand::describe, VolumesCommand::line, VolumesCommand::facts);

  private final StandardStreams streams;

  @Spec
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private CommandSpec spec;

  VolumesCommand(StandardStreams streams) {
    this.streams = streams;
  }

  @Override
  public void run() {
    throw new ParameterException(
        spec.commandLine(), "Say what to do: create, list, get, delete or restore.");
  }

  @Command(
      name = "create",
      mixinStandardHelpOptions = true,
      description = "Makes a volume and prints its id.",
      footer = {
        "",
        "Example:",
        "  belljar volumes create tools --capacity 4GB --from builtin:debian-13"
      })
  int create(
      @Parameters(
              paramLabel = "SLUG",
              description = "Its name: 1 to 63 of a-z, 0-9 and -, no - at either end.")
          String slug,
      @Option(
              names = "--capacity",
              required = true,
              paramLabel = "SIZE",
              converter = ByteSizeConverter.class,
              description = "How much it may hold: 300MB to 20GiB.")
          ByteSize capacity,
      @Option(
              names = "--from",
              paramLabel = "ORIGIN",
              description =
                  "What it begins with: builtin:debian-13, or a snapshot by its id or slug; nothing"
                      + " unless given.")
          @Nullable String from,
      @Option(
              names = "--region",
              paramLabel = "NAME",
              description = "Where it is to be; for servers that have several regions.")
          @Nullable String region,
      @Option(names = "--json", description = "Print one JSON object.") boolean json,
      @Mixin EndpointOptions server)
      throws IOException {
    VolumeOptions options =
        new VolumeOptions(slug, capacity, Optional.ofNullable(region), Optional.ofNullable(from));
    return made(volumes(server).create(options), json);
  }

  @Command(
      name = "list",
      mixinStandardHelpOptions = true,
      description =
          "Lists the volumes, oldest first: id, slug, what it holds of its capacity, whether it can be"
              + " a root, and which sandbox has it.",
      footer = {"", "Example:", "  belljar volumes list --search data"})
  int list(@Mixin StoredThings.ListOptions options, @Mixin EndpointOptions server)
      throws IOException {
    return SHOWN.list(volumes(server)::list, options, streams);
  }

  @Command(
      name = "get",
      mixinStandardHelpOptions = true,
      description = "Prints what is known of a volume; of one that is deleted, by its id.",
      footer = {"", "Example:", "  belljar volumes get --json tools"})
  int get(
      @Parameters(paramLabel = "NAME", description = "Its id or slug.") String name,
      @Option(names = "--json", description = "Print one JSON object.") boolean json,
      @Mixin EndpointOptions server)
      throws IOException {
    Storage storage = server.storage();
    return SHOWN.one(
        storage.volumes().get(name),
        name,
        () -> storage.snapshots().get(name).map(snapshot -> "snapshot"),
        json,
        streams);
  }

  @Command(
      name = "delete",
      mixinStandardHelpOptions = true,
      description =
          "Deletes volumes that no sandbox has. Their slugs are free at once; their data is kept for 24"
              + " hours, unless configured otherwise, in which restore brings them back.",
      footer = {"", "Example:", "  belljar volumes delete data"})
  int delete(
      @Parameters(arity = "1..*", paramLabel = "NAME", description = "Their ids or slugs.")
          List<String> names,
      @Mixin EndpointOptions server)
      throws IOException {
    names.forEach(volumes(server)::delete);
    return ExitCode.SUCCESS;
  }

  @Command(
      name = "restore",
      mixinStandardHelpOptions = true,
      description = "Takes back the deletion of a volume and prints its id.",
      footer = {"", "Example:", "  belljar volumes restore data"})
  int restore(
      @Parameters(
              paramLabel = "NAME",
              description = "Its id, or the slug that it had: of several, the last deleted.")
          String name,
      @Option(names = "--json", description = "Print one JSON object.") boolean json,
      @Mixin EndpointOptions server)
      throws IOException {
    return made(volumes(server).restore(name), json);
  }

  private static String line(Volume volume) {
    return String.format(
        "%s  %-24s  %10s of %-10s  %-8s  %s",
        volume.id(),
        volume.slug(),
        new ByteSize(volume.usedSize()),
        new ByteSize(volume.capacity()),
        volume.bootable() ? "bootable" : "",
        volume.holder().orElse(""));
  }

  private static Facts facts(Volume volume) {
    Facts facts =
        new Facts()
            .add("id", volume.id())
            .add("slug", volume.slug())
            .add("region", volume.region())
            .add("capacity", new ByteSize(volume.capacity()))
            .add("used", new ByteSize(volume.usedSize()))
            .add("its own", new ByteSize(volume.allocatedSize()))
            .add("in all", new ByteSize(volume.flattenedSize()))
            .add("bootable", volume.bootable() ? "yes" : "no");
    volume
        .baseSnapshot()
        .ifPresent(base -> facts.add("made from", base.slug() + " (" + base.id() + ")"));
    volume.holder().ifPresent(holder -> facts.add("in use by", holder));
    volume
        .deletedAt()
        .ifPresent(time -> facts.add("deleted", time.truncatedTo(ChronoUnit.SECONDS)));
    return facts;
  }

  private static Volumes volumes(EndpointOptions server) throws IOException {
    return server.storage().volumes();
  }

  private int made(Volume volume, boolean json) {
    if (json) {
      JsonOutput.print(describe(volume), streams.out());
    } else {
      streams.print(volume.id() + "\n");
    }
    return ExitCode.SUCCESS;
  }

  static ObjectNode describe(Volume volume) {
    ObjectNode node =
        JsonNodeFactory.instance
            .objectNode()
            .put("id", volume.id())
            .put("slug", volume.slug())
            .put("region", volume.region())
            .put("capacity", volume.capacity())
            .put("allocated_size", volume.allocatedSize())
            .put("flattened_size", volume.flattenedSize())
            .put("used_size", volume.usedSize())
            .put("bootable", volume.bootable());
    volume
        .baseSnapshot()
        .ifPresentOrElse(
            base -> node.putObject("base_snapshot").put("id", base.id()).put("slug", base.slug()),
            () -> node.putNull("base_snapshot"));
    return node.put("holder", volume.holder().orElse(null))
        .put("deleted_at", volume.deletedAt().map(Instant::toString).orElse(null));
  }
}
