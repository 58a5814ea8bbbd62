package dev.belljar.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.belljar.Endpoint;
import dev.belljar.InvalidOptionException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

class EndpointOptionsTest {
  @TempDir Path directory;
  private String tokenFile = "";

  @BeforeEach
  void writesAToken() throws IOException {
    tokenFile = Files.writeString(directory.resolve("token"), "ddo_file\n").toString();
  }

  private static EndpointOptions options(String... words) {
    return CommandLine.populateCommand(new EndpointOptions(), words);
  }

  @ParameterizedTest
  @ValueSource(strings = {"BELLJAR_ENDPOINT", "DENO_SANDBOX_ENDPOINT"})
  void aTokenFileGoesWithAServerOfTheEnvironment(String variable) throws IOException {
    Map<String, String> environment =
        Map.of(variable, "http://127.0.0.1:1", "DENO_DEPLOY_TOKEN", "ddo_environment");

    Endpoint server = options("--token-file", tokenFile).find(environment).orElseThrow();

    assertThat(server.sandboxes()).isEqualTo(URI.create("http://127.0.0.1:1"));
    assertThat(server.token()).isEqualTo("ddo_file");
  }

  @Test
  void optionsGoBeforeTheEnvironment() throws IOException {
    Map<String, String> environment =
        Map.of("BELLJAR_ENDPOINT", "http://127.0.0.1:1", "BELLJAR_TOKEN", "ddo_environment");

    assertThat(options("--endpoint", "http://127.0.0.1:2").find(environment))
        .contains(Endpoint.of("http://127.0.0.1:2", "ddo_environment"));
    assertThat(
            options("--endpoint", "http://127.0.0.1:2", "--token-file", tokenFile)
                .find(environment))
        .contains(Endpoint.of("http://127.0.0.1:2", "ddo_file"));
  }

  private static ServerChoice choice(Map<String, String> environment, String... words)
      throws IOException {
    var streams =
        new StandardStreams(
            InputStream.nullInputStream(),
            OutputStream.nullOutputStream(),
            new PrintStream(OutputStream.nullOutputStream(), true, StandardCharsets.UTF_8),
            false);
    return CommandLine.populateCommand(new RunCommand(streams), words).server(environment);
  }

  @ParameterizedTest
  @ValueSource(strings = {"BELLJAR_ENDPOINT", "DENO_SANDBOX_ENDPOINT"})
  void runWithoutAServerGoesBeforeTheEnvironment(String variable) throws IOException {
    Map<String, String> environment =
        Map.of(variable, "http://127.0.0.1:1", "DENO_DEPLOY_TOKEN", "ddo_environment");

    assertThat(choice(environment, "-c", "true").endpoint()).isPresent();
    assertThat(choice(environment, "--no-server", "-c", "true").endpoint()).isEmpty();
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(
            () -> choice(environment, "--no-server", "--endpoint", "http://127.0.0.1:1", "-c", "x"))
        .withMessageContaining("--no-server");
  }

  @Test
  void aTokenFileForNoServerIsAMistake() {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> options("--token-file", tokenFile).find(Map.of()))
        .withMessageContaining("--endpoint");
  }
}
