package dev.belljar.cli;

import dev.belljar.Sandbox;
import java.io.IOException;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code belljar extend}. */
@Command(
    name = "extend",
    mixinStandardHelpOptions = true,
    versionProvider = BelljarCommand.Version.class,
    description =
        "Gives a sandbox of a server that much time from now, if the server grants it, and prints when"
            + " it will end.")
final class ExtendCommand implements Callable<Integer> {
  private final StandardStreams streams;

  @Parameters(index = "0", paramLabel = "ID", description = "The sandbox: sbx_…")
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private String id;

  @Parameters(
      index = "1",
      paramLabel = "TIME",
      converter = DurationConverter.class,
      description = "For example 10m.")
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private Duration time;

  @Mixin private EndpointOptions server = new EndpointOptions();

  ExtendCommand(StandardStreams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws IOException {
    try (Sandbox sandbox = Sandbox.connect(id, server.require())) {
      streams.print(sandbox.extendTimeout(time).truncatedTo(ChronoUnit.SECONDS) + "\n");
    }
    return ExitCode.SUCCESS;
  }
}
