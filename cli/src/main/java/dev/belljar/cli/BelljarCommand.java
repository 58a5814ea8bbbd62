package dev.belljar.cli;

import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code belljar} itself: it only has subcommands. */
@Command(
    name = "belljar",
    mixinStandardHelpOptions = true,
    versionProvider = BelljarCommand.Version.class,
    description = "Runs code that nobody trusts inside a real Linux microVM, on this machine.",
    synopsisSubcommandLabel = "COMMAND",
    footer = {
      "",
      "Examples:",
      "  belljar run hello.ts                      a script, in a fresh sandbox",
      "  belljar run -c 'uname -a; id'             a shell command",
      "  belljar run --timeout 10s --no-net x.py   no network, and ten seconds at most",
      "  belljar demo                              a model's program, end to end",
      "  belljar volumes create data --capacity 2GB  a disk that outlives sandboxes",
      "  belljar checkpoint $id warm               a running sandbox, to go on from again and again",
      "  belljar data check                        are all disks there and whole?",
      "  belljar serve                             a service for Deno Sandbox's clients",
      "  belljar bench --quick                     how fast it is here, beside what is installed",
      "  belljar doctor                            what this machine offers and lacks",
      "",
      "'belljar help COMMAND' says more about a command."
    })
final class BelljarCommand implements Runnable {
  @Spec
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private CommandSpec spec;

  @Override
  public void run() {
    throw new ParameterException(
        spec.commandLine(), "Say which command to run; 'belljar --help' lists them.");
  }

  /** The version that the jar was built with. */
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      return new String[] {"belljar " + text()};
    }

    static String text() {
      return Optional.ofNullable(BelljarCommand.class.getPackage().getImplementationVersion())
          .orElse("(not built as a jar)");
    }
  }
}
