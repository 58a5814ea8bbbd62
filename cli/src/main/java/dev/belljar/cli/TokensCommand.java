package dev.belljar.cli;

import dev.belljar.InvalidOptionException;
import dev.belljar.server.store.CreatedToken;
import dev.belljar.server.store.TokenRecord;
import dev.belljar.server.tokens.TokenDesk;
import java.time.Instant;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** {@code belljar tokens}: who may use a server. */
@Command(
    name = "tokens",
    mixinStandardHelpOptions = true,
    versionProvider = BelljarCommand.Version.class,
    description =
        "Makes, lists and revokes the tokens by which clients use a server. Each belongs to an"
            + " organization, which sees its own sandboxes only.",
    synopsisSubcommandLabel = "COMMAND",
    footer = {
      "",
      "Works whether the server runs or not, as the user who owns its data directory.",
      "",
      "Examples:",
      "  belljar tokens create acme 'for the build'",
      "  belljar tokens list",
      "  belljar tokens revoke tok_…"
    })
final class TokensCommand implements Runnable {
  private final StandardStreams streams;

  @Spec
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private CommandSpec spec;

  TokensCommand(StandardStreams streams) {
    this.streams = streams;
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Say what to do: create, list or revoke.");
  }

  @Command(
      name = "create",
      mixinStandardHelpOptions = true,
      description = "Makes a token and prints it, this once.")
  int create(
      @Parameters(paramLabel = "ORGANIZATION", description = "Whose it is: a-z, 0-9 and -.")
          String organization,
      @Parameters(
              paramLabel = "NAME",
              arity = "0..1",
              defaultValue = "",
              description = "What you will know it by.")
          String name,
      @Option(names = "--json", description = "Print one JSON object.") boolean json,
      @Mixin ServerOptions server) {
    try (TokenDesk desk = server.tokens()) {
      CreatedToken created = desk.create(organization, name);
      if (json) {
        JsonOutput.print(describe(created.token()).put("token", created.secret()), streams.out());
      } else {
        streams.print(created.secret() + "\n");
        streams.say("this token is shown only now; its id is " + created.token().id() + ".");
      }
      return ExitCode.SUCCESS;
    }
  }

  @Command(name = "list", mixinStandardHelpOptions = true, description = "Lists the tokens.")
  int list(
      @Option(names = "--json", description = "Print one JSON array.") boolean json,
      @Mixin ServerOptions server) {
    try (TokenDesk desk = server.tokens()) {
      if (json) {
        ArrayNode list = JsonNodeFactory.instance.arrayNode();
        desk.list().forEach(token -> list.add(describe(token)));
        JsonOutput.print(list, streams.out());
        return ExitCode.SUCCESS;
      }
      StringBuilder text = new StringBuilder();
      for (TokenRecord token : desk.list()) {
        text.append(
            String.format(
                "%-26s  %-20s  %-20s  %-8s  %s%n",
                token.id(),
                token.organization(),
                token.createdAt().truncatedTo(java.time.temporal.ChronoUnit.SECONDS),
                token.revokedAt().isPresent() ? "revoked" : "valid",
                token.name()));
      }
      streams.print(text.toString());
      return ExitCode.SUCCESS;
    }
  }

  @Command(
      name = "revoke",
      mixinStandardHelpOptions = true,
      description = "Makes a token worthless from now on.")
  int revoke(
      @Parameters(paramLabel = "ID", description = "As 'tokens list' says it: tok_…") String id,
      @Mixin ServerOptions server) {
    try (TokenDesk desk = server.tokens()) {
      if (!desk.revoke(id)) {
        throw new InvalidOptionException(
            "There is no valid token of id '" + id + "'. See: belljar tokens list");
      }
      return ExitCode.SUCCESS;
    }
  }

  private static ObjectNode describe(TokenRecord token) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("id", token.id())
        .put("organization", token.organization())
        .put("name", token.name())
        .put("created_at", token.createdAt().toString())
        .put("revoked_at", token.revokedAt().map(Instant::toString).orElse(null));
  }
}
