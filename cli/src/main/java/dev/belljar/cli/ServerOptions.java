package dev.belljar.cli;

import dev.belljar.server.ServerConfig;
import dev.belljar.server.ServerConfigFile;
import dev.belljar.server.tokens.TokenDesk;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which server: what {@code serve} and {@code tokens} have in common. */
final class ServerOptions {
  @Option(
      names = "--data",
      paramLabel = "DIR",
      description =
          "Where the server keeps what it remembers; ~/.local/share/belljar unless given (or"
              + " $BELLJAR_DATA).")
  private @Nullable Path data;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = "A configuration in TOML; docs/operations.md says what may be in it.")
  private @Nullable Path config;

  TokenDesk tokens() {
    ServerConfig server = read();
    return TokenDesk.open(server.data(), server.store());
  }

  ServerConfig read() {
    ServerConfig defaults =
        ServerConfig.of(data == null ? DataDirectory.ofUser(System.getenv()) : data);
    return config == null ? defaults : ServerConfigFile.read(config, defaults, System.getenv());
  }
}
