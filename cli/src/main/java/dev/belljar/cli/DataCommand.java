package dev.belljar.cli;

import dev.belljar.ByteSize;
import dev.belljar.InvalidOptionException;
import dev.belljar.Storage;
import dev.belljar.Volume;
import dev.belljar.engine.StoredData;
import dev.belljar.engine.volumes.DataReport;
import dev.belljar.engine.volumes.DataReport.CheckedDisk;
import dev.belljar.engine.volumes.DataReport.Damage;
import dev.belljar.server.store.TokenRecord;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
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
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** {@code belljar data}: the directory in which volumes and snapshots are. */
@Command(
    name = "data",
    mixinStandardHelpOptions = true,
    versionProvider = BelljarCommand.Version.class,
    description =
        "Looks after the directory on this machine in which volumes and snapshots are, and moves them"
            + " from one machine to another. Works while sandboxes and servers run, and never over the"
            + " network.",
    synopsisSubcommandLabel = "COMMAND",
    footer = {
      "",
      "Examples:",
      "  belljar data check                                  is everything there and whole?",
      "  belljar data export tools tools.tar                 a volume or snapshot as one file",
      "  belljar data import tools.tar --name tools-2        a volume of that, here or elsewhere",
      "  belljar data export tools - | ssh host belljar data import -",
      "",
      "A server's: --data DIR, as for 'belljar serve', and --organization NAME."
    })
final class DataCommand implements Runnable {
  private static final String STANDARD_STREAM = "-";
  private static final Duration PATIENCE = Duration.ofMillis(300);
  private static final int BUFFER = 1 << 16;

  private final StandardStreams streams;

  @Spec
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private CommandSpec spec;

  DataCommand(StandardStreams streams) {
    this.streams = streams;
  }

  /** Which directory. */
  static final class DataOption {
    /** What a server keeps beside its volumes, also where nobody has made one yet. */
    private static final List<String> SERVERS_OWN = List.of("server.lock", "metadata");

    @Option(
        names = "--data",
        paramLabel = "DIR",
        description =
            "Where a server keeps what it remembers; ~/.local/share/belljar unless given (or"
                + " $BELLJAR_DATA), which is also where volumes are without a server.")
    private @Nullable Path data;

    /** Made by whoever opens it. */
    Path storage() {
      return directory().resolve("storage");
    }

    /** As {@link #storage}, where Belljar keeps data already: nothing is made elsewhere. */
    Path existingStorage() {
      Path directory = directory();
      boolean kept =
          StoredData.isThere(storage())
              || SERVERS_OWN.stream().map(directory::resolve).anyMatch(Files::exists);
      if (!kept) {
        throw new InvalidOptionException(
            "There is no data of Belljar in %s, or none that this user may see. Name another directory with --data, as for 'belljar serve'."
                .formatted(directory));
      }
      return storage();
    }

    private Path directory() {
      Path directory = data == null ? DataDirectory.ofUser(System.getenv()) : data;
      return directory.toAbsolutePath().normalize();
    }
  }

  /** Whose volumes. */
  static final class OwnerOptions {
    @Mixin private DataOption data = new DataOption();

    @Option(
        names = "--organization",
        paramLabel = "NAME",
        defaultValue = "",
        description = "Of a server's: whose it is. Without it, those that need no server.")
    private String organization = "";

    Storage storage() {
      return of(data.storage());
    }

    private Storage of(Path directory) {
      return StoredData.of(organization, directory);
    }

    /**
     * Before anything is done.
     *
     * @throws InvalidOptionException where no token can be of that organization
     */
    void check() {
      if (!organization.isEmpty() && !TokenRecord.isOrganization(organization)) {
        throw new InvalidOptionException(
            "--organization %s names none: those have 1 to 63 of the characters a-z, 0-9 and -."
                .formatted(organization));
      }
    }
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Say what to do: check, export or import.");
  }

  @Command(
      name = "check",
      mixinStandardHelpOptions = true,
      description = {
        "Looks through the directory: whether all that the catalog tells of is there and whole, of all"
            + " organizations. QEMU's disk tool looks at each file, in a jail. What sandboxes have open"
            + " is left out. Files that nothing refers to are said and removed, unless the catalog is"
            + " damaged.",
        ""
      },
      footer = {
        "",
        "Exit status: 0 where all is well, 1 where something is damaged or could not be read, 2 when",
        "called wrongly, as for a directory in which Belljar keeps nothing.",
        "",
        "Example:",
        "  belljar data check --json"
      })
  int check(
      @Option(names = "--json", description = "Print one JSON object.") boolean json,
      @Mixin DataOption data) {
    Path storage = data.existingStorage();
    FirstUse.prepare(streams, json);
    DataReport report;
    try (ProgressLine progress = new ProgressLine(streams, PATIENCE)) {
      report =
          StoredData.check(
              storage,
              step -> {
                if (streams.terminal()) {
                  progress.step(step);
                }
              });
    }
    if (json) {
      JsonOutput.print(describe(report), streams.out());
    } else {
      streams.print(text(report));
    }
    return report.isFine() ? ExitCode.SUCCESS : ExitCode.FAILURE;
  }

  private static String text(DataReport report) {
    StringBuilder text = new StringBuilder();
    for (Damage damage : report.damage()) {
      add(text, damage);
    }
    for (CheckedDisk disk : report.disks()) {
      String state =
          disk.damage().isEmpty()
              ? disk.holder().map(holder -> "in use by " + holder + ", left out").orElse("fine")
              : "DAMAGED";
      text.append(
          "%-8s  %-24s  %s%s%s%n"
              .formatted(
                  disk.snapshot() ? "snapshot" : "volume",
                  disk.owner().isEmpty() ? disk.slug() : disk.owner() + "/" + disk.slug(),
                  state,
                  disk.deleted() ? " (deleted)" : "",
                  disk.leaked() > 0 ? " (" + disk.leaked() + " clusters not in use)" : ""));
      disk.damage().forEach(damage -> add(text, damage));
    }
    for (String file : report.removed()) {
      text.append("removed   ").append(file).append(", which nothing referred to\n");
    }
    if (report.deadLeases() > 0) {
      text.append(
          "gave back what %d processes had that ended without it%n".formatted(report.deadLeases()));
    }
    text.append(
        "%s: %d volumes and snapshots, %s, %s%n"
            .formatted(
                report.directory(),
                report.disks().size(),
                new ByteSize(report.bytes()),
                report.isFine() ? "fine" : "DAMAGED"));
    return text.toString();
  }

  private static void add(StringBuilder text, Damage damage) {
    text.append("  ").append(damage.what()).append("\n    ").append(damage.remedy()).append('\n');
  }

  private static ObjectNode describe(DataReport report) {
    ObjectNode node =
        JsonNodeFactory.instance
            .objectNode()
            .put("directory", report.directory().toString())
            .put("fine", report.isFine())
            .put("bytes", report.bytes());
    describe(report.damage(), node.putArray("damage"));
    ArrayNode disks = node.putArray("disks");
    for (CheckedDisk disk : report.disks()) {
      ObjectNode one =
          disks
              .addObject()
              .put("kind", disk.snapshot() ? "snapshot" : "volume")
              .put("id", disk.id())
              .put("slug", disk.slug())
              .put("organization", disk.owner())
              .put("deleted", disk.deleted())
              .put("layers", disk.layers())
              .put("leaked_clusters", disk.leaked())
              .put("holder", disk.holder().orElse(null));
      describe(disk.damage(), one.putArray("damage"));
    }
    ArrayNode removed = node.putArray("removed");
    report.removed().forEach(removed::add);
    return node.put("dead_leases", report.deadLeases());
  }

  private static void describe(List<Damage> damage, ArrayNode list) {
    damage.forEach(one -> list.addObject().put("what", one.what()).put("remedy", one.remedy()));
  }

  @Command(
      name = "export",
      mixinStandardHelpOptions = true,
      description = {
        "Writes a volume that no sandbox has, or a snapshot, as one file: a tar of what the disk holds"
            + " without its holes, of the image that it lies above where it is bootable, and of"
            + " SHA-256 sums. A file that was begun and not finished is removed.",
        ""
      },
      footer = {
        "",
        "Examples:",
        "  belljar data export tools tools.tar",
        "  belljar data export tools - | zstd > tools.tar.zst",
        "  belljar snapshots create busy busy-1 && belljar data export busy-1 busy.tar"
      })
  int export(
      @Parameters(paramLabel = "VOLUME", description = "Its id or slug, or a snapshot's.")
          String name,
      @Parameters(paramLabel = "FILE", description = "What to write; - is standard output.")
          String file,
      @Option(
              names = "--without-image",
              description = "Leave the image out; the other machine must have the same.")
          boolean withoutImage,
      @Option(names = "--force", description = "Replace a file that is there.") boolean force,
      @Mixin OwnerOptions owner)
      throws IOException {
    owner.check();
    if (file.equals(STANDARD_STREAM)) {
      Path directory = owner.data.existingStorage();
      FirstUse.prepare(streams, false);
      try (ProgressLine progress = new ProgressLine(streams, PATIENCE)) {
        exportTo(
            owner.of(directory),
            name,
            !withoutImage,
            counted(progress, name).counting(streams.out()));
      }
      return ExitCode.SUCCESS;
    }
    ArchiveFile target = ArchiveFile.toWrite(file, force);
    Path directory = owner.data.existingStorage();
    FirstUse.prepare(streams, false);
    try (ProgressLine progress = new ProgressLine(streams, PATIENCE)) {
      Transfer transfer = counted(progress, name);
      target.write(
          force,
          channel ->
              exportTo(
                  owner.of(directory),
                  name,
                  !withoutImage,
                  transfer.counting(Channels.newOutputStream(channel))));
    }
    return ExitCode.SUCCESS;
  }

  private Transfer counted(ProgressLine progress, String name) {
    return new Transfer(progress, streams.terminal(), "Exporting " + name);
  }

  private static void exportTo(Storage storage, String name, boolean withImage, OutputStream out)
      throws IOException {
    OutputStream buffered = new BufferedOutputStream(out, BUFFER);
    storage.exportTo(name, withImage, buffered);
    buffered.flush();
  }

  @Command(
      name = "import",
      mixinStandardHelpOptions = true,
      description = {
        "Makes a volume of a file that 'export' wrote and prints the volume's id. The file may come from"
            + " anybody: nothing is there until all of it was read and its sums were right.",
        ""
      },
      footer = {
        "",
        "Examples:",
        "  belljar data import tools.tar",
        "  zstd -dc tools.tar.zst | belljar data import - --name tools-2"
      })
  int importFrom(
      @Parameters(paramLabel = "FILE", description = "What to read; - is standard input.")
          String file,
      @Option(
              names = "--name",
              paramLabel = "SLUG",
              description = "What it is to be called; as it was called unless given.")
          @Nullable String name,
      @Option(names = "--json", description = "Print one JSON object.") boolean json,
      @Mixin OwnerOptions owner)
      throws IOException {
    owner.check();
    Optional<ArchiveFile> source =
        file.equals(STANDARD_STREAM) ? Optional.empty() : Optional.of(ArchiveFile.toRead(file));
    FirstUse.prepare(streams, json);
    Volume volume;
    try (ProgressLine progress = new ProgressLine(streams, PATIENCE);
        InputStream in = source.isPresent() ? source.get().open() : streams.in()) {
      Transfer transfer = new Transfer(progress, streams.terminal(), "Importing");
      volume =
          owner
              .storage()
              .importFrom(
                  Optional.ofNullable(name),
                  new BufferedInputStream(transfer.counting(in), BUFFER));
    }
    if (json) {
      JsonOutput.print(VolumesCommand.describe(volume), streams.out());
    } else {
      streams.print(volume.id() + "\n");
    }
    return ExitCode.SUCCESS;
  }
}
