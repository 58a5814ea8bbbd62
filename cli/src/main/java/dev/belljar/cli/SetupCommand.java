package dev.belljar.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/** {@code belljar setup}. */
@Command(
    name = "setup",
    mixinStandardHelpOptions = true,
    versionProvider = BelljarCommand.Version.class,
    description = {
      "Makes this machine ready: installs the packages that are missing (with apt-get, as root) and"
          + " builds the image that sandboxes boot from. Fast when all is there; the other commands"
          + " do the same on first use."
    },
    footer = {"", "Exit status: 0 ready, 1 not, 2 called wrongly."})
final class SetupCommand implements Callable<Integer> {
  private final StandardStreams streams;

  SetupCommand(StandardStreams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() {
    CommandLogging.to(streams, CommandLogging.Detail.NOTES);
    FirstUse.setUp(streams, false);
    streams.say("ready. Try: belljar run -c 'uname -a'");
    return ExitCode.SUCCESS;
  }
}
