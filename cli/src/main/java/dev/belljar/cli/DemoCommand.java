package dev.belljar.cli;

import dev.belljar.InvalidOptionException;
import dev.belljar.examples.untrustedcode.Demo;
import dev.belljar.examples.untrustedcode.EnvFile;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code belljar demo}. */
@Command(
    name = "demo",
    mixinStandardHelpOptions = true,
    versionProvider = BelljarCommand.Version.class,
    description = {
      "Asks Claude for a Deno script that fetches the Bitcoin price, and runs it in a sandbox that"
          + " may reach api.coingecko.com and nothing else.",
      "",
      "Without ANTHROPIC_API_KEY it uses a recorded reply. Where api.coingecko.com cannot be"
          + " reached, a local server plays it. It says so in both cases. The program is"
          + " examples/untrusted-code, to be copied."
    },
    footer = {
      "",
      "Examples:",
      "  belljar demo",
      "  belljar demo --env-file .env",
      "",
      "Exit status: 0 when the generated program succeeded, 1 when not, 2 when called wrongly."
    })
final class DemoCommand implements Callable<Integer> {
  private final StandardStreams streams;

  @Option(
      names = "--env-file",
      paramLabel = "FILE",
      description =
          "A file of KEY=VALUE lines, for ANTHROPIC_API_KEY. The environment goes before it.")
  private @Nullable String envFile;

  DemoCommand(StandardStreams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws IOException {
    CommandLogging.to(streams, CommandLogging.Detail.NOTES);
    Map<String, String> variables = new HashMap<>();
    if (envFile != null) {
      variables.putAll(readEnvFile(envFile));
    }
    variables.putAll(System.getenv());
    FirstUse.prepare(streams, false);
    var out = new PrintStream(streams.out(), true, StandardCharsets.UTF_8);
    return new Demo(variables, streams::say).run(out, streams.err())
        ? ExitCode.SUCCESS
        : ExitCode.FAILURE;
  }

  private static Map<String, String> readEnvFile(String name) throws IOException {
    Path file = LocalPath.of(name);
    if (Files.isDirectory(file)) {
      throw new InvalidOptionException(
          "--env-file " + name + " is a directory. Name a file in it.");
    }
    if (!Files.isRegularFile(file) || !Files.isReadable(file)) {
      throw new InvalidOptionException(
          "--env-file " + name + ": there is no such file, or this user cannot read it.");
    }
    return EnvFile.read(file);
  }
}
