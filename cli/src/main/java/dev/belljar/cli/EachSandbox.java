package dev.belljar.cli;

import dev.belljar.Endpoint;
import dev.belljar.Sandbox;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** The sandboxes of a server that a command is for. */
final class EachSandbox {
  @Parameters(arity = "1..*", paramLabel = "ID", description = "The sandboxes: sbx_…")
  private List<String> ids = new ArrayList<>();

  @Mixin private EndpointOptions server = new EndpointOptions();

  /** Does it with one after the other. */
  int each(Consumer<Sandbox> work) throws IOException {
    Endpoint endpoint = server.require();
    for (String id : ids) {
      try (Sandbox sandbox = Sandbox.connect(id, endpoint)) {
        work.accept(sandbox);
      }
    }
    return ExitCode.SUCCESS;
  }
}
