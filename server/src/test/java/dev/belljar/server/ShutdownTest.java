package dev.belljar.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import dev.belljar.InvalidOptionException;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How a server ends, and how it is reached by TLS. */
class ShutdownTest {
  @TempDir Path data;

  private ServerConfig config(Duration drain, Optional<ServerConfig.Tls> tls) {
    ServerConfig some = ServerConfig.of(data).at("127.0.0.1", 0).with(TestServer.MANY);
    return new ServerConfig(
        some.host(),
        some.port(),
        some.data(),
        some.store(),
        tls,
        some.limits(),
        some.organizations(),
        drain,
        some.retention(),
        some.volumeGrace(),
        some.connectTo(),
        some.caCertificates(),
        some.pool());
  }

  @Test
  void drainingEndsSessionsAndKeepsLifetimesForAWhile() throws Exception {
    try (TestServer server =
        new TestServer(config(Duration.ofSeconds(2), Optional.empty()), Duration.ofSeconds(30))) {
      RawClient session = server.create();
      RawClient lasting = server.create(server.token(), "{\"timeout\":\"5m\"}").reading();
      Thread draining = Thread.ofVirtual().start(() -> server.server().drain());
      assertThat(session.closeCode()).isEqualTo(1001);
      assertThat(lasting.closeCode()).isEqualTo(1001);
      await().until(server.of(session)::ended);
      RawClient refused = server.create(server.token(), "");
      assertThat(refused.status()).isEqualTo(503);
      assertThat(refused.body()).contains("SERVER_DRAINING");
      assertThat(server.http("GET", "/readyz", "", "").statusCode()).isEqualTo(503);
      assertThat(server.http("GET", "/healthz", "", "").statusCode()).isEqualTo(200);
      assertThat(server.of(lasting).ended()).isFalse();
      assertThat(draining.join(Duration.ofSeconds(20))).isTrue();
      assertThat(server.of(lasting).ended()).isFalse();
      server.server().close();
      await().until(server.of(lasting)::ended);
    }
  }

  @Test
  void drainingIsOverWhenNothingRuns() throws Exception {
    try (TestServer server =
        new TestServer(config(Duration.ofMinutes(5), Optional.empty()), Duration.ofSeconds(30))) {
      RawClient lasting = server.create(server.token(), "{\"timeout\":\"5m\"}").reading();
      Thread draining = Thread.ofVirtual().start(() -> server.server().drain());
      assertThat(lasting.closeCode()).isEqualTo(1001);
      server.of(lasting).kill();
      assertThat(draining.join(Duration.ofSeconds(20))).isTrue();
    }
  }

  @Test
  void aSandboxMadeWhileTheServerDrainsIsEnded() throws Exception {
    try (TestServer server =
        new TestServer(config(Duration.ZERO, Optional.empty()), Duration.ofSeconds(30))) {
      server.sandboxes().beforeEach(() -> server.server().drain());
      RawClient refused = server.create(server.token(), "");
      assertThat(refused.status()).isEqualTo(503);
      await().until(() -> server.sandboxes().made().getFirst().ended());
    }
  }

  @Test
  void closingTwiceIsClosing() throws Exception {
    TestServer server = new TestServer(data, Duration.ofSeconds(30));
    RawClient client = server.create();
    client.ok("envToObject", "{}");
    server.close();
    server.close();
    assertThat(client.closeCode()).isEqualTo(1001);
    assertThat(server.of(client).ended()).isTrue();
  }

  @Test
  void aServerForEverybodyNeedsTokens() {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(
            () -> BelljarServer.start(ServerConfig.of(data).at("0.0.0.0", 0), new FakeSandboxes()))
        .withMessageContaining("belljar tokens create");
  }

  private static String pem(String kind, byte[] bytes) {
    return "-----BEGIN "
        + kind
        + "-----\n"
        + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(bytes)
        + "\n-----END "
        + kind
        + "-----\n";
  }

  /** A certificate for this host and its key, under the alias "a". */
  private KeyStore selfSigned(String algorithm) throws Exception {
    Path store = data.resolve(algorithm + ".p12");
    Process keytool =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-alias",
                "a",
                "-keyalg",
                algorithm,
                "-dname",
                "CN=localhost",
                "-ext",
                "SAN=dns:localhost,ip:127.0.0.1",
                "-storetype",
                "PKCS12",
                "-keystore",
                store.toString(),
                "-storepass",
                "changeit")
            .redirectErrorStream(true)
            .start();
    keytool.getInputStream().readAllBytes();
    assertThat(keytool.waitFor()).isZero();
    KeyStore keys = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(store)) {
      keys.load(in, "changeit".toCharArray());
    }
    return keys;
  }

  private static void write(KeyStore keys, Path certificate, Path key) throws Exception {
    Files.writeString(certificate, pem("CERTIFICATE", keys.getCertificate("a").getEncoded()));
    Files.writeString(
        key,
        pem("PRIVATE KEY", ((PrivateKey) keys.getKey("a", "changeit".toCharArray())).getEncoded()));
  }

  @ParameterizedTest
  @ValueSource(strings = {"EC", "RSA", "Ed25519"})
  void aKeyOfAnotherCertificateIsRefusedAtTheStart(String algorithm) throws Exception {
    Path certificate = data.resolve("cert.pem");
    Path key = data.resolve("key.pem");
    write(selfSigned(algorithm), certificate, key);
    ServerConfig config =
        config(Duration.ZERO, Optional.of(new ServerConfig.Tls(certificate, key)));
    BelljarServer.start(config, new FakeSandboxes()).close();
    for (String other : List.of("EC", "RSA", "Ed25519")) {
      KeyPair pair = KeyPairGenerator.getInstance(other).generateKeyPair();
      Files.writeString(key, pem("PRIVATE KEY", pair.getPrivate().getEncoded()));
      assertThatExceptionOfType(InvalidOptionException.class)
          .isThrownBy(() -> BelljarServer.start(config, new FakeSandboxes()))
          .withMessageContainingAll("key.pem", "is not that of", "cert.pem");
    }
  }

  @Test
  void itIsReachedByTls() throws Exception {
    KeyStore keys = selfSigned("EC");
    Path certificate = data.resolve("cert.pem");
    Path key = data.resolve("key.pem");
    write(keys, certificate, key);
    KeyStore trusted = KeyStore.getInstance("PKCS12");
    trusted.load(null, null);
    trusted.setCertificateEntry("a", keys.getCertificate("a"));
    TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
    trust.init(trusted);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);

    var tls = Optional.of(new ServerConfig.Tls(certificate, key));
    try (TestServer server = new TestServer(config(Duration.ZERO, tls), Duration.ofSeconds(30));
        HttpClient http = HttpClient.newBuilder().sslContext(context).build()) {
      assertThat(server.server().endpoint()).startsWith("https://127.0.0.1:");
      assertThat(server.server().offerToThisHost()).isFalse();
      CompletableFuture<String> first = new CompletableFuture<>();
      WebSocket socket =
          http.newWebSocketBuilder()
              .header("Authorization", "Bearer " + server.token())
              .buildAsync(
                  URI.create(
                      server.server().endpoint().replace("https:", "wss:")
                          + "/api/v3/sandboxes/create"),
                  new WebSocket.Listener() {
                    @Override
                    public @org.jspecify.annotations.Nullable CompletionStage<?> onText(
                        WebSocket from, CharSequence text, boolean last) {
                      first.complete(text.toString());
                      from.request(1);
                      return null;
                    }
                  })
              .get(10, TimeUnit.SECONDS);
      socket.sendText("ping", true).get(10, TimeUnit.SECONDS);
      assertThat(first.get(10, TimeUnit.SECONDS)).isEqualTo("pong");
      socket.abort();
    }
    Files.writeString(key, "nonsense");
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> BelljarServer.start(config(Duration.ZERO, tls), new FakeSandboxes()))
        .withMessageContaining("PKCS #8");
  }

  @Test
  void theFirstTokenIsMadeWhenItIsAskedForAndNotBefore() throws Exception {
    ServerConfig config = config(Duration.ZERO, Optional.empty());
    BelljarServer.start(config, new FakeSandboxes()).close();
    try (BelljarServer server = BelljarServer.start(config, new FakeSandboxes())) {
      assertThat(server.store().tokens().list()).isEmpty();
      String lost = server.firstToken().orElseThrow();
      assertThat(server.firstToken()).isEmpty();
      server.withdraw(lost);
      assertThat(server.store().tokens().find(lost)).isEmpty();
      assertThat(server.firstToken()).isPresent().isNotEqualTo(Optional.of(lost));
    }
  }

  @Test
  void aPortThatIsTakenIsSaidSo() throws IOException {
    try (TestServer first = new TestServer(data, Duration.ofSeconds(30))) {
      int port = URI.create(first.server().endpoint()).getPort();
      assertThatExceptionOfType(dev.belljar.BelljarException.class)
          .isThrownBy(
              () ->
                  BelljarServer.start(
                      ServerConfig.of(data.resolve("other")).at("127.0.0.1", port),
                      new FakeSandboxes()))
          .withMessageContaining("--listen");
    }
  }
}
