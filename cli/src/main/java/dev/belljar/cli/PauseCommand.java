package dev.belljar.cli;

import dev.belljar.Sandbox;
import java.io.IOException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

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
  @Mixin private EachSandbox sandboxes = new EachSandbox();

  @Override
  public Integer call() throws IOException {
    return sandboxes.each(Sandbox::pause);
  }
}
