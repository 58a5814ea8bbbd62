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

/** {@code belljar pause}. */
@Command(
    name = "pause",
    mixinStandardHelpOptions = true,
    versionProvider = BelljarCommand.Version.class,
    description =
        "Stops sandboxes of a server until they are resumed: they cost no processor time and keep"
            + " their memory. Their lifetime goes on; what is asked of them meanwhile is refused, but"
            + " for extend and kill.",
    footer = {"", "Example:", "  belljar pause sbx_…", "  belljar resume sbx_…"})
final class PauseCommand implements Callable<Integer> {
  @Parameters(arity = "1..*", paramLabel = "ID", description = "The sandboxes: sbx_…")
  private List<String> ids = new ArrayList<>();

  @Mixin private EndpointOptions server = new EndpointOptions();

  @Override
  public Integer call() throws IOException {
    Endpoint endpoint = server.require();
    for (String id : ids) {
      try (Sandbox sandbox = Sandbox.connect(id, endpoint)) {
        sandbox.pause();
      }
    }
    return ExitCode.SUCCESS;
  }
}
