package dev.belljar.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.belljar.ByteSize;
import dev.belljar.EgressLimits;
import dev.belljar.InvalidOptionException;
import dev.belljar.server.sandboxes.Limits;
import dev.belljar.spi.StorageLimits;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ServerConfigFileTest {
  @TempDir Path data;

  private ServerConfig read(String text) throws Exception {
    Path file = data.resolve("belljar.toml");
    Files.writeString(file, text);
    return ServerConfigFile.read(
        file,
        ServerConfig.of(data),
        Map.of(ServerConfigFile.PASSWORD_VARIABLE, "from-environment"));
  }

  @Test
  void everythingMayBeSaid() throws Exception {
    ServerConfig config =
        read(
            """
            listen = "[::1]:9000"
            drain = "2m"
            retention = "30d"
            volume_grace = "2h"
            [tls]
            certificate = "cert.pem"
            key = "/etc/key.pem"
            [database]
            url = "jdbc:postgresql://db/belljar"
            user = "belljar"
            password = "in-file"
            [limits]
            sandboxes = 7
            storage = "50GiB"
            [organizations.acme]
            memory = "2GiB"
            lifetime = "1h"
            disks = 3
            """);
    assertThat(config.host()).isEqualTo("::1");
    assertThat(config.port()).isEqualTo(9000);
    assertThat(config.drain()).isEqualTo(Duration.ofMinutes(2));
    assertThat(config.retention()).isEqualTo(Duration.ofDays(30));
    assertThat(config.tls().orElseThrow().certificate())
        .isEqualTo(data.toAbsolutePath().resolve("cert.pem"));
    assertThat(config.tls().orElseThrow().key()).isEqualTo(Path.of("/etc/key.pem"));
    assertThat(config.limitsOf("other"))
        .isEqualTo(
            new Limits(
                7,
                4096,
                Duration.ofMinutes(30),
                EgressLimits.DEFAULT,
                new StorageLimits(ByteSize.parse("50GiB"), 1000)));
    assertThat(config.limitsOf("acme"))
        .isEqualTo(
            new Limits(
                7,
                2048,
                Duration.ofHours(1),
                EgressLimits.DEFAULT,
                new StorageLimits(ByteSize.parse("50GiB"), 3)));
    assertThat(config.tenantOf("acme").limits()).isEqualTo(config.limitsOf("acme").storage());
    assertThat(config.tenantOf("acme").grace()).contains(Duration.ofHours(2));
    assertThat(config.toString()).doesNotContain("from-environment").doesNotContain("in-file");
  }

  @Test
  void nothingNeedBeSaid() throws Exception {
    assertThat(read("")).isEqualTo(ServerConfig.of(data));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "listen = 1",
        "listen = \"host\"",
        "listen = \"h:99999\"",
        "listen = \"::1:80\"",
        "drain = \"1\"",
        "drain = \"-1s\"",
        "drain = 5",
        "tls = 1",
        "[tls]\ncertificate = \"x\"",
        "[tls]\ncert = \"x\"",
        "limits = []",
        "[limits]\nsandboxes = 0",
        "[limits]\nstorage = \"1MB\"",
        "[limits]\nstorage = 1",
        "[limits]\ndisks = 0",
        "[limits]\ndisks = 1001",
        "volume_grace = \"-1s\"",
        "[limits]\nsandboxes = \"5\"",
        "[limits]\nsandboxes = 1.5",
        "[limits]\nsandboxes = 99999999999",
        "[limits]\nmemory = \"1\"",
        "[limits]\nmemory = \"9999999GiB\"",
        "[limits]\nlifetime = \"0s\"",
        "[limits]\nlifetime = \"999999999d\"",
        "[limits]\nsandboxs = 5",
        "[organizations]\nacme = 1",
        "[organizations.acme]\nx = 1",
        "[database]\nurl = \"jdbc:mysql://x\"",
        "[database]\nuser = \"x\"",
        "not toml at all"
      })
  void aSlipIsRefusedAndNamed(String text) {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> read(text))
        .satisfies(e -> assertThat(e.getMessage()).isNotBlank());
  }

  @ParameterizedTest
  @ValueSource(strings = {"Bad Org", "ACME", "a.b", "", "acme_1"})
  void whatCanBeNoOrganizationIsRefusedByItsName(String name) {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> read("[organizations.\"" + name + "\"]\nsandboxes = 50"))
        .withMessageContaining("[organizations." + name + "]");
  }

  @Test
  void aFileThatIsNotThereIsSaidSo() {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(
            () -> ServerConfigFile.read(data.resolve("none"), ServerConfig.of(data), Map.of()));
  }
}
