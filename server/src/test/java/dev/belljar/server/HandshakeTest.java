package dev.belljar.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.belljar.ByteSize;
import dev.belljar.EgressLimits;
import dev.belljar.HostBusyException;
import dev.belljar.SandboxOptions;
import dev.belljar.SandboxUnavailableException;
import dev.belljar.Secret;
import dev.belljar.server.sandboxes.Limits;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** Who gets a socket, and what those are told who do not. */
class HandshakeTest {
  private static final String CREATE = "/api/v3/sandboxes/create";

  @TempDir static Path data;
  private static TestServer server;

  @BeforeAll
  static void start() {
    server = new TestServer(data, Duration.ofSeconds(30));
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  private static RawClient create(Map<String, String> headers) throws IOException {
    return RawClient.ask(server.server().endpoint(), CREATE, headers);
  }

  private static void assertRefused(RawClient client, int status, String code) throws IOException {
    try (client) {
      assertThat(client.status()).as(client.body()).isEqualTo(status);
      JsonNode body = RawClient.JSON.readTree(client.body());
      assertThat(body.get("code").stringValue()).isEqualTo(code);
      assertThat(body.get("message").stringValue()).isNotBlank().doesNotContain("ddo_abc");
      assertThat(client.headers().get("content-type")).startsWith("application/json");
    }
  }

  @Test
  void nobodyGetsInWithoutAToken() throws IOException {
    assertRefused(create(Map.of()), 401, "INVALID_TOKEN");
    for (String wrong :
        new String[] {
          "Bearer",
          "Bearer ",
          "Bearer ddo_abc",
          "Basic ddo_abc",
          server.token(),
          "Bearer " + "x".repeat(5000)
        }) {
      assertRefused(create(Map.of("Authorization", wrong)), 401, "INVALID_TOKEN");
    }
  }

  @Test
  void aRevokedTokenIsOfNoUseFromThatMoment() throws Exception {
    var created = server.server().store().tokens().create("leaving", "");
    try (RawClient client = server.create(created.secret(), "").reading()) {
      server.server().store().tokens().revoke(created.token().id());
      assertRefused(server.create(created.secret(), ""), 401, "INVALID_TOKEN");
      assertRefused(server.connect(created.secret(), client.sandbox()), 401, "INVALID_TOKEN");
      assertThat(server.http("GET", "/api/v2/sandboxes", created.secret(), "").statusCode())
          .isEqualTo(401);
    }
  }

  @Test
  void aSandboxOfOthersCannotBeToldFromNone() throws IOException {
    try (RawClient mine = server.create()) {
      String stranger = server.token("strangers");
      RawClient others = server.connect(stranger, mine.sandbox());
      RawClient none = server.connect(stranger, "sbx_loc_" + "9".repeat(20));
      assertThat(others.body()).isEqualTo(none.body());
      assertThat(others.headers().keySet()).isEqualTo(none.headers().keySet());
      assertRefused(others, 404, "SANDBOX_NOT_FOUND");
      assertRefused(none, 404, "SANDBOX_NOT_FOUND");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"x", "sbx_loc_", "..%2f..", "%00", "sbx_LOC_00000000000000000001", "%F0%9F%98%80"})
  void aMalformedIdIsUnknown(String id) throws IOException {
    try (RawClient client = server.connect(server.token(), id)) {
      assertThat(client.status()).isIn(400, 404);
      assertThat(RawClient.JSON.readTree(client.body()).get("code").isString()).isTrue();
    }
  }

  @Test
  void aSandboxThatHasEndedIsGone() throws Exception {
    RawClient client = server.create();
    String id = client.sandbox();
    client.close();
    await().until(() -> server.sandboxes().of(id).ended());
    await()
        .untilAsserted(
            () -> assertRefused(server.connect(server.token(), id), 410, "SANDBOX_ENDED"));
  }

  @Test
  void secretsAndLimitsOfEgressReachTheEngineAndNothingElse() throws Exception {
    String config =
        "{\"secrets\":{\"KEY\":{\"hosts\":[\"api.example\"],\"value\":\"geheim-1\"}},"
            + "\"belljar\":{\"secrets_in_body\":[\"KEY\"],\"egress_limits\":\"connections=500,idle=1s\"}}";
    try (RawClient client = server.create(server.token(), config)) {
      SandboxOptions options = server.sandboxes().of(client.sandbox()).options();
      Secret secret = java.util.Objects.requireNonNull(options.secrets().get("KEY"));
      assertThat(new String(secret.value(), java.nio.charset.StandardCharsets.UTF_8))
          .isEqualTo("geheim-1");
      assertThat(secret.hosts()).containsExactly("api.example");
      assertThat(secret.inBody()).isTrue();
      assertThat(options.toString()).doesNotContain("geheim");
      assertThat(options.egressLimits())
          .as("within those of the organization")
          .isEqualTo(EgressLimits.parse("idle=1s"));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"%%%", "e30=e30=", "bm9uc2Vuc2U=", "W10=", "MQ==", "bnVsbA==", "IA=="})
  void aHeaderThatIsNotBase64OfAnObjectIsRefused(String header) throws IOException {
    assertRefused(
        create(
            Map.of("Authorization", "Bearer " + server.token(), "x-deno-sandbox-config", header)),
        400,
        "INVALID_CONFIG");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"memory_mb\":\"1280\"}",
        "{\"memory_mb\":1280.5}",
        "{\"memory_mb\":1e400}",
        "{\"memory_mb\":99999999999999999999}",
        "{\"memory_mb\":-1}",
        "{\"memory_mb\":[]}",
        "{\"memory_mb\":100}",
        "{\"stop_at_ms\":\"soon\"}",
        "{\"stop_at_ms\":1e400}",
        "{\"stop_at_ms\":-1}",
        "{\"stop_at_ms\":1}",
        "{\"timeout\":\"30\"}",
        "{\"timeout\":30}",
        "{\"timeout\":\"-1s\"}",
        "{\"timeout\":\"0s\"}",
        "{\"timeout\":\"99999999999s\"}",
        "{\"labels\":[]}",
        "{\"labels\":{\"a\":1}}",
        "{\"labels\":{\"1\":\"\",\"2\":\"\",\"3\":\"\",\"4\":\"\",\"5\":\"\",\"6\":\"\"}}",
        "{\"env\":{\"a\":null}}",
        "{\"env\":{\"a=b\":\"\"}}",
        "{\"allow_net\":\"all\"}",
        "{\"allow_net\":[1]}",
        "{\"allow_net\":[\"no pattern\"]}",
        "{\"belljar\":[]}",
        "{\"belljar\":{\"vcpus\":0}}",
        "{\"belljar\":{\"vcpus\":1e9}}",
        "{\"belljar\":{\"no_net\":\"yes\"}}",
        "{\"belljar\":{\"cwd\":1}}",
        "{\"belljar\":{\"cwd\":\"relative\"}}",
        "{\"belljar\":{\"processes\":-1}}",
        "{\"belljar\":{\"connect_to\":[\"x\"]}}",
        "{\"belljar\":{\"egress_limits\":\"connections=0\"}}",
        "{\"belljar\":{\"egress_limits\":5}}",
        "{\"secrets\":[]}",
        "{\"secrets\":{\"X\":\"value\"}}",
        "{\"secrets\":{\"X\":{\"hosts\":[\"a.example\"]}}}",
        "{\"secrets\":{\"X\":{\"hosts\":[],\"value\":\"s\"}}}",
        "{\"secrets\":{\"X\":{\"hosts\":\"a.example\",\"value\":\"s\"}}}",
        "{\"secrets\":{\"X\":{\"hosts\":[\"a.example\"],\"value\":\"\"}}}",
        "{\"env\":{\"X\":\"1\"},\"secrets\":{\"X\":{\"hosts\":[\"a.example\"],\"value\":\"s\"}}}",
        "{\"secrets\":{\"A B\":{\"hosts\":[\"a.example\"],\"value\":\"s\"}}}",
        "{\"belljar\":{\"secrets_in_body\":1}}",
        "{\"belljar\":{\"secrets_in_body\":[\"X\"]}}",
        "{\"secrets\":{\"X\":{\"hosts\":[\"a.example\"],\"value\":\"s\"}},"
            + "\"belljar\":{\"secrets_in_body\":[\"Y\"]}}",
        "{\"root\":\"x\"}",
        "{\"root\":{}}",
        "{\"root\":[]}",
        "{\"root\":{\"volume\":5}}",
        "{\"root\":{\"volume\":\"\"}}",
        "{\"root\":{\"volume\":\"../x\"}}",
        "{\"volumes\":\"x\"}",
        "{\"volumes\":[\"x\"]}",
        "{\"volumes\":[{\"volume\":\"x\"}]}",
        "{\"volumes\":[{\"path\":\"/x\"}]}",
        "{\"volumes\":[{\"volume\":\"x\",\"path\":5}]}",
        "{\"volumes\":[{\"volume\":\"x\",\"path\":\"x\"}]}",
        "{\"volumes\":[{\"volume\":\"x\",\"path\":\"/etc\"}]}",
        "{\"volumes\":[{\"volume\":\"x\",\"path\":\"/x\"},{\"volume\":\"y\",\"path\":\"/x/\"}]}",
        "{\"volumes\":[{\"volume\":\"x\\u0000\",\"path\":\"/x\"}]}",
        "{\"volumes\":{\"/x\":5}}",
        "{\"volumes\":{\"x\":\"x\"}}",
        "{\"volumes\":{\"/1\":\"a\",\"/2\":\"a\",\"/3\":\"a\",\"/4\":\"a\",\"/5\":\"a\","
            + "\"/6\":\"a\",\"/7\":\"a\",\"/8\":\"a\",\"/9\":\"a\"}}",
        "{\"region\":5}",
        "{\"debug\":\"x\"}",
        "{\"belljar\":{\"ca_certificates\":[\"x\"]}}"
      })
  void aMemberOfAWrongTypeOrBeyondItsBoundsIsRefused(String config) throws IOException {
    int before = server.sandboxes().made().size();
    assertRefused(server.create(server.token(), config), 400, "INVALID_CONFIG");
    assertThat(server.sandboxes().made()).hasSize(before);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"root\":{\"volume\":\"x\",\"read_only\":true}}",
        "{\"volumes\":[{\"volume\":\"x\",\"path\":\"/x\",\"read_only\":true}]}",
        "{\"ssh\":true}",
        "{\"port\":80}",
        "{\"allowNet\":[]}",
        "{\"belljar\":{\"nonet\":true}}"
      })
  void whatIsNotOfferedIsRefusedAndNotIgnored(String config) throws IOException {
    assertRefused(server.create(server.token(), config), 501, "NOT_SUPPORTED");
  }

  @Test
  void limitsOfAnOrganizationHaveCodesOfTheirOwn(@TempDir Path other) throws Exception {
    var config =
        ServerConfig.of(other)
            .at("127.0.0.1", 0)
            .with(new Limits(2, 1024, Duration.ofMinutes(10), EgressLimits.DEFAULT));
    try (TestServer small = new TestServer(config, Duration.ofSeconds(30))) {
      assertRefused(
          small.create(small.token(), "{\"memory_mb\":2048}"), 400, "MEMORY_LIMIT_EXCEEDED");
      assertRefused(
          small.create(small.token(), "{\"memory_mb\":1024,\"timeout\":\"12m\"}"),
          400,
          "LIFETIME_LIMIT_EXCEEDED");
      String fits = "{\"memory_mb\":1024}";
      RawClient first = small.create(small.token(), fits);
      RawClient second = small.create(small.token(), fits);
      assertThat(second.status()).isEqualTo(101);
      assertRefused(small.create(small.token(), fits), 429, "SANDBOX_LIMIT_EXCEEDED");
      try (RawClient others = small.create(small.token("other"), fits)) {
        assertThat(others.status()).isEqualTo(101);
      }
      first.close();
      await()
          .untilAsserted(
              () -> {
                try (RawClient third = small.create(small.token(), fits)) {
                  assertThat(third.status()).isEqualTo(101);
                }
              });
    }
  }

  @Test
  void aClientWhoseClockIsAheadGetsNoMoreThanTheLimit() throws Exception {
    long asked = Instant.now().plus(Duration.ofSeconds(30 * 60 + 50)).toEpochMilli();
    for (String config : new String[] {"{\"stop_at_ms\":" + asked + "}", "{\"timeout\":\"31m\"}"}) {
      try (RawClient client = server.create(server.token(), config)) {
        assertThat(client.status()).as(client.body()).isEqualTo(101);
        assertThat(server.of(client).options().timeout()).contains(Duration.ofMinutes(30));
        server.of(client).kill();
      }
    }
    assertRefused(
        server.create(server.token(), "{\"timeout\":\"32m\"}"), 400, "LIFETIME_LIMIT_EXCEEDED");
  }

  @Test
  void thePythonClientsFormOfTheConfigurationIsUnderstood() throws Exception {
    try (RawClient client =
        server
            .create(
                server.token(),
                "{\"env\":{\"A\":\"ü\"},\"timeout\":\"5m\",\"volumes\":{},\"region\":\"ord\",\"debug\":true,"
                    + "\"ssh\":false,\"root\":null,\"memory_mb\":1024.0,\"labels\":{\"k\":\"v\"}}")
            .reading()) {
      assertThat(client.ok("envGet", "{\"key\":\"A\"}").stringValue()).isEqualTo("ü");
      var options = server.of(client).options();
      assertThat(options.memory()).isEqualTo(ByteSize.ofMebibytes(1024));
      assertThat(server.of(client).stopAt())
          .isBetween(Instant.now().plusSeconds(290), Instant.now().plusSeconds(301));
      server.of(client).kill();
    }
  }

  @Test
  void charactersOfOneByteAreUnderstoodAsTheJavaScriptClientSendsThem() throws Exception {
    String header =
        Base64.getEncoder()
            .encodeToString("{\"labels\":{\"k\":\"ü\"}}".getBytes(StandardCharsets.ISO_8859_1));
    try (RawClient client =
        create(
            Map.of("Authorization", "Bearer " + server.token(), "x-deno-sandbox-config", header))) {
      assertThat(server.of(client).labels()).containsEntry("k", "ü");
    }
  }

  @Test
  void aConfigurationOf64KibFitsAndALargerOneIsRefusedInJson() throws IOException {
    String padding = " ".repeat((64 << 10) - 2);
    try (RawClient client = server.create(server.token(), "{" + padding + "}")) {
      assertThat(client.status()).isEqualTo(101);
    }
    assertRefused(
        server.create(server.token(), "{" + padding + padding + "}"), 431, "HEADERS_TOO_LARGE");
  }

  @ParameterizedTest
  @CsvSource({
    "/api/v3/sandbox/x/y/connect, 404, NOT_FOUND",
    "/api/v3/sandbox/, 404, NOT_FOUND",
    "/nothing, 404, NOT_FOUND",
    "/, 404, NOT_FOUND",
    "/api/v2/volumes, 404, NOT_FOUND"
  })
  void thereAreNoSocketsElsewhere(String path, int status, String code) throws IOException {
    assertRefused(
        RawClient.ask(
            server.server().endpoint(), path, Map.of("Authorization", "Bearer " + server.token())),
        status,
        code);
  }

  @Test
  void whyAHostIsTooBusyIsTold() throws IOException {
    server
        .sandboxes()
        .beforeEach(
            () -> {
              throw new HostBusyException("1000 sandboxes wait to be made. Try again later.");
            });
    try {
      RawClient refused = server.create(server.token(), "");
      assertThat(refused.body()).contains("1000 sandboxes wait to be made. Try again later.");
      assertRefused(refused, 503, "SANDBOX_UNAVAILABLE");
    } finally {
      server.sandboxes().beforeEach(() -> {});
    }
  }

  @Test
  void anEngineThatCannotIsToldAsUnavailable() throws IOException {
    server
        .sandboxes()
        .beforeEach(
            () -> {
              throw new SandboxUnavailableException("No memory on this host.");
            });
    try {
      assertRefused(server.create(server.token(), ""), 503, "SANDBOX_UNAVAILABLE");
      server
          .sandboxes()
          .beforeEach(
              () -> {
                throw new IllegalStateException("secret internals");
              });
      RawClient failed = server.create(server.token(), "");
      assertThat(failed.body())
          .doesNotContain("secret internals")
          .contains(failed.headers().get("x-deno-trace-id"));
      assertRefused(failed, 500, "INTERNAL_ERROR");
    } finally {
      server.sandboxes().beforeEach(() -> {});
    }
  }

  @Test
  void aClientThatGoesDuringTheHandshakeLeavesNoSandbox() throws Exception {
    int before = server.sandboxes().made().size();
    URI uri = URI.create(server.server().endpoint());
    for (int i = 0; i < 10; i++) {
      try (Socket socket = new Socket(uri.getHost(), uri.getPort())) {
        OutputStream out = socket.getOutputStream();
        out.write(
            ("GET "
                    + CREATE
                    + " HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                    + "x-deno-sandbox-config: "
                    + RawClient.config("{\"timeout\":\"" + (i % 2 == 0 ? "5m" : "session") + "\"}")
                    + "\r\nAuthorization: Bearer "
                    + server.token()
                    + "\r\n\r\n")
                .getBytes(StandardCharsets.US_ASCII));
        out.flush();
        socket.setSoLinger(true, 0);
      }
    }
    // Also those that the server gets to only now.
    await()
        .during(Duration.ofMillis(200))
        .atMost(Duration.ofSeconds(10))
        .until(
            () ->
                server.sandboxes().made().stream()
                    .skip(before)
                    .filter(made -> made.options().timeout().isEmpty())
                    .allMatch(FakeSandbox::ended));
  }

  @Test
  void answersCarryTheSandboxATraceAndTheVersion() throws IOException {
    try (RawClient client = server.create()) {
      assertThat(client.sandbox()).matches("sbx_[a-z]{3}_[0-9a-hjkmnp-z]{20}");
      assertThat(client.headers().get("x-deno-trace-id")).matches("[0-9a-f]{32}");
      assertThat(client.headers().get("x-belljar-version")).isEqualTo("1");
      assertThat(client.headers()).doesNotContainKey("server");
    }
  }
}
