package dev.belljar.cli;

import dev.belljar.Endpoint;
import dev.belljar.Sandbox;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code belljar resume}. */
@Command(
    name = "resume",
    mixinStandardHelpOptions = true,
    versionProvider = BelljarCommand.Version.class,
    description =
        "Lets paused sandboxes of a server go on where they stood, their clocks set right. Does nothing"
            + " to those that run.",
    footer = {"", "Example:", "  belljar resume sbx_…"})
final class ResumeCommand implements Callable<Integer> {
  @Parameters(arity = "1..*", paramLabel = "ID", description = "The sandboxes: sbx_…")
  private List<String> ids = new ArrayList<>();

  @Mixin private EndpointOptions server = new EndpointOptions();

  @Override
  public Integer call() throws IOException {
    Endpoint endpoint = server.require();
    for (String id : ids) {
      try (Sandbox sandbox = Sandbox.connect(id, endpoint)) {
        sandbox.resume();
      }
    }
    return ExitCode.SUCCESS;
  }
}
