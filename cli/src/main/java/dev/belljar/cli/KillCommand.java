package dev.belljar.cli;

import dev.belljar.Sandbox;
import java.io.IOException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code belljar kill}. */
@Command(
    name = "kill",
    mixinStandardHelpOptions = true,
    versionProvider = BelljarCommand.Version.class,
    description = "Ends sandboxes of a server at once, with all that is in them.")
final class KillCommand implements Callable<Integer> {
  @Mixin private EachSandbox sandboxes = new EachSandbox();

  @Override
  public Integer call() throws IOException {
    return sandboxes.each(Sandbox::kill);
  }
}
