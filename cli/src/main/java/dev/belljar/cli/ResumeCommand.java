package dev.belljar.cli;

import dev.belljar.Sandbox;
import java.io.IOException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

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
  @Mixin private EachSandbox sandboxes = new EachSandbox();

  @Override
  public Integer call() throws IOException {
    return sandboxes.each(Sandbox::resume);
  }
}
