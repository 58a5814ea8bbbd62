package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** TLS, end to end, with an authority that the sandbox was told to trust. */
@Timeout(120)
class EgressTlsIT {
  private static final String URL = "https://api.example.com/hello";
  @TempDir static Path directory;
  private static LoopbackServer server;
  private static Sandbox sandbox;

  @BeforeAll
  static void create() throws Exception {
    TestAuthority authority = new TestAuthority(directory, "api.example.com");
    server = LoopbackServer.secure(authority.serverContext());
    sandbox =
        Sandbox.create(
            SandboxOptions.builder()
                .allowNet("api.example.com:443", "wrong.example.com")
                .connectTo("api.example.com:443:127.0.0.1:" + server.port())
                .connectTo("wrong.example.com:443:127.0.0.1:" + server.port())
                .caCertificate(authority.pem())
                .build());
  }

  @AfterAll
  static void close() {
    sandbox.close();
    server.close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "curl -sS " + URL,
        "wget -qO- " + URL,
        "python3 -c 'import urllib.request as r; print(r.urlopen(\""
            + URL
            + "\").read().decode(), end=\"\")'",
        "node -e 'fetch(\"" + URL + "\").then(r => r.text()).then(t => process.stdout.write(t))'",
        "deno eval 'await Deno.stdout.write(await (await fetch(\"" + URL + "\")).bytes())'"
      })
  void theGuestsProgramsTrustIt(String command) {
    assertThat(sandbox.sh(command).text()).isEqualTo("hello from the host\n");
  }

  @Test
  void aServerOfAnotherNameIsNotTrusted() {
    assertThat(
            sandbox
                .sh("curl -sS https://wrong.example.com/hello")
                .noThrow()
                .output()
                .status()
                .code())
        .as("curl: the certificate does not match")
        .isEqualTo(60);
  }

  @Test
  void aGuestThatWasNotToldDoesNotTrustIt() {
    try (Sandbox other =
        Sandbox.create(
            SandboxOptions.builder()
                .allowNet("api.example.com")
                .connectTo("api.example.com:443:127.0.0.1:" + server.port())
                .build())) {
      assertThat(other.sh("curl -sS " + URL).noThrow().output().status().code()).isEqualTo(60);
    }
  }
}
