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

/** {@code belljar kill}. */
@Command(
    name = "kill",
    mixinStandardHelpOptions = true,
    versionProvider = BelljarCommand.Version.class,
    description = "Ends sandboxes of a server at once, with all that is in them.")
final class KillCommand implements Callable<Integer> {
  @Parameters(arity = "1..*", paramLabel = "ID", description = "The sandboxes: sbx_…")
  private List<String> ids = new ArrayList<>();

  @Mixin private EndpointOptions server = new EndpointOptions();

  @Override
  public Integer call() throws IOException {
    Endpoint endpoint = server.require();
    for (String id : ids) {
      try (Sandbox sandbox = Sandbox.connect(id, endpoint)) {
        sandbox.kill();
      }
    }
    return ExitCode.SUCCESS;
  }
}
