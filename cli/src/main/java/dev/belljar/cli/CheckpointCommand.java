package dev.belljar.cli;

import dev.belljar.Checkpoint;
import dev.belljar.Sandbox;
import java.io.IOException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code belljar checkpoint}. */
@Command(
    name = "checkpoint",
    mixinStandardHelpOptions = true,
    versionProvider = BelljarCommand.Version.class,
    description = {
      "Saves a sandbox of a server as it is at this instant, memory, processes and disks, and prints"
          + " the checkpoint's id. The sandbox stands still for a second or so for each GiB of memory"
          + " in use, and then goes on. 'create' and 'run' make sandboxes that go on from that"
          + " instant with --checkpoint, any number of them.",
      "",
      "What a program keeps in memory is in all of them, also its keys and the state of its own random"
          + " numbers."
    },
    footer = {
      "",
      "Examples:",
      "  belljar exec --detach $id python3 -m http.server",
      "  belljar exec $id curl -so /dev/null --retry 9 --retry-connrefused localhost:8000",
      "  belljar checkpoint $id warm",
      "  belljar run --checkpoint warm -c 'curl -s localhost:8000'",
      "  belljar create --checkpoint warm --timeout 10m    the server runs there as well",
      "  belljar checkpoints list"
    })
final class CheckpointCommand implements Callable<Integer> {
  private final StandardStreams streams;

  @Parameters(index = "0", paramLabel = "ID", description = "The sandbox: sbx_…")
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private String id;

  @Parameters(
      index = "1",
      paramLabel = "SLUG",
      description = "The checkpoint's name: 1 to 63 of a-z, 0-9 and -, no - at either end.")
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private String slug;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Mixin private EndpointOptions server = new EndpointOptions();

  CheckpointCommand(StandardStreams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws IOException {
    try (Sandbox sandbox = Sandbox.connect(id, server.require())) {
      Checkpoint made = sandbox.checkpoint(slug);
      if (json) {
        JsonOutput.print(CheckpointsCommand.describe(made), streams.out());
      } else {
        streams.print(made.id() + "\n");
      }
    }
    return ExitCode.SUCCESS;
  }
}
