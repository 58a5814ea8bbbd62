package dev.belljar.cli;

import dev.belljar.Endpoint;
import dev.belljar.InvalidOptionException;
import dev.belljar.Storage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which server a command talks to. */
final class EndpointOptions {
  private static final String TOKEN = "BELLJAR_TOKEN";

  @Option(
      names = "--endpoint",
      paramLabel = "URL",
      description =
          "The server; $BELLJAR_ENDPOINT or $DENO_SANDBOX_ENDPOINT unless given. The token is in"
              + " $BELLJAR_TOKEN or $DENO_DEPLOY_TOKEN.")
  private @Nullable String url;

  @Option(
      names = "--token-file",
      paramLabel = "FILE",
      description = "A file that holds the token, instead of the environment.")
  private @Nullable Path tokenFile;

  /** Whether options say something of a server. */
  boolean given() {
    return url != null || tokenFile != null;
  }

  /** The server that was named, by options or by the environment. */
  Optional<Endpoint> find() throws IOException {
    return find(System.getenv());
  }

  Optional<Endpoint> find(Map<String, String> environment) throws IOException {
    if (url != null) {
      return Optional.of(Endpoint.of(url, token(url, environment)));
    }
    if (tokenFile == null) {
      return Endpoint.fromEnvironment(environment);
    }
    Map<String, String> variables = new HashMap<>(environment);
    variables.put(TOKEN, Files.readString(tokenFile).strip());
    Optional<Endpoint> server = Endpoint.fromEnvironment(variables);
    if (server.isEmpty()) {
      throw new InvalidOptionException(
          "--token-file needs a server: name it with --endpoint, or set BELLJAR_ENDPOINT.");
    }
    return server;
  }

  /** As {@link #find}, where there must be one. */
  Endpoint require() throws IOException {
    return find()
        .orElseThrow(
            () ->
                new InvalidOptionException(
                    "Say which server: --endpoint http://127.0.0.1:8460, or set BELLJAR_ENDPOINT and"
                        + " BELLJAR_TOKEN. 'belljar serve' makes this machine one."));
  }

  /** The volumes and snapshots of the server that was named; without one, of this machine. */
  Storage storage() throws IOException {
    return find().map(Storage::at).orElseGet(Storage::local);
  }

  private String token(String server, Map<String, String> environment) throws IOException {
    if (tokenFile != null) {
      return Files.readString(tokenFile).strip();
    }
    for (String name : new String[] {TOKEN, "DENO_DEPLOY_TOKEN"}) {
      String token = environment.get(name);
      if (token != null && !token.isBlank()) {
        return token;
      }
    }
    throw new InvalidOptionException(
        "There is no token for "
            + server
            + ". Set BELLJAR_TOKEN, or name a file with --token-file.");
  }
}
