package dev.belljar.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import dev.belljar.EgressLimits;
import dev.belljar.server.sandboxes.Limits;
import dev.belljar.server.store.CreatedToken;
import dev.belljar.server.tokens.HostPass;
import dev.belljar.server.tokens.ServerOfUser;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.slf4j.LoggerFactory;

/** Who did what can be told from the audit log, and every refusal from its trace. */
class AuditTest {
  private static final Logger AUDIT = (Logger) LoggerFactory.getLogger("dev.belljar.audit");

  @TempDir Path data;

  private final Lines lines = new Lines();

  @SuppressWarnings("NullAway.Init") // set before each test
  private TestServer server;

  private static final class Lines extends AppenderBase<ILoggingEvent> {
    private final List<ILoggingEvent> all = new CopyOnWriteArrayList<>();

    @Override
    protected void append(ILoggingEvent event) {
      event.prepareForDeferredProcessing();
      all.add(event);
    }

    List<ILoggingEvent> of(String verb) {
      return all.stream().filter(e -> e.getFormattedMessage().startsWith(verb + " ")).toList();
    }
  }

  @BeforeEach
  void start() {
    var config =
        ServerConfig.of(data)
            .at("127.0.0.1", 0)
            .with(new Limits(1, 4096, Duration.ofMinutes(30), EgressLimits.DEFAULT));
    server = new TestServer(config, Duration.ofSeconds(30));
    lines.start();
    AUDIT.setLevel(Level.INFO);
    AUDIT.addAppender(lines);
  }

  @AfterEach
  void stop() {
    server.close();
    AUDIT.detachAppender(lines);
    AUDIT.setLevel(Level.WARN);
  }

  /** The one line of a refusal; it may be written after the answer was read. */
  private ILoggingEvent refusal(String trace) {
    assertThat(trace).matches("[0-9a-f]{32}");
    await()
        .until(
            () ->
                lines.of("refused").stream()
                    .anyMatch(e -> trace.equals(e.getMDCPropertyMap().get("trace"))));
    List<ILoggingEvent> found =
        lines.all.stream().filter(e -> trace.equals(e.getMDCPropertyMap().get("trace"))).toList();
    assertThat(found).hasSize(1);
    return found.getFirst();
  }

  private ILoggingEvent refusal(RawClient client) {
    return refusal(client.headers().getOrDefault("x-deno-trace-id", ""));
  }

  private static void assertOf(ILoggingEvent line, CreatedToken token) {
    assertThat(line.getMDCPropertyMap())
        .containsEntry("organization", token.token().organization())
        .containsEntry("token", token.token().id());
    assertThat(line.getMDCPropertyMap().get("trace")).matches("[0-9a-f]{32}");
  }

  private CreatedToken token() {
    return server.server().store().tokens().create("acme", "");
  }

  private double refused(String request, String code) throws Exception {
    String name = "belljar_refused_total{code=\"" + code + "\",request=\"" + request + "\"} ";
    return server
        .http("GET", "/metrics", "", "")
        .body()
        .lines()
        .filter(line -> line.startsWith(name))
        .mapToDouble(line -> Double.parseDouble(line.substring(name.length())))
        .sum();
  }

  @Test
  void whatThisHostsCommandLineDoesIsSaidToBeItsDoing() throws Exception {
    server.server().offerToThisHost();
    String pass = ServerOfUser.find(data, Duration.ofSeconds(30)).orElseThrow().pass();
    server.create(pass, "").reading().close();

    await().until(() -> !lines.of("created").isEmpty());
    assertThat(lines.of("created").getFirst().getMDCPropertyMap())
        .containsEntry("organization", HostPass.ORGANIZATION)
        .containsEntry("token", HostPass.ID);
    assertThat(lines.all.toString()).doesNotContain(pass);
  }

  @Test
  void whatHappensToASandboxSaysWhoDidItByWhichToken() throws Exception {
    CreatedToken maker = token();
    CreatedToken other = token();
    String id;
    try (RawClient made = server.create(maker.secret(), "{\"timeout\":\"5m\"}").reading();
        RawClient joined = server.connect(other.secret(), made.sandbox()).reading()) {
      id = made.sandbox();
      String spawn =
          "{\"command\":\"true\",\"args\":[\"secret\"],\"stdout\":\"null\",\"stderr\":\"null\"}";
      made.ok("spawn", spawn);
      joined.ok("spawn", spawn);
      server.http("DELETE", "/api/v3/sandbox/" + id, other.secret(), "");
      await().until(() -> !lines.of("ended").isEmpty());
    }

    assertOf(lines.of("created").getFirst(), maker);
    assertOf(lines.of("connected").getFirst(), other);
    assertThat(lines.of("ran")).hasSize(2);
    assertOf(lines.of("ran").getFirst(), maker);
    assertOf(lines.of("ran").getLast(), other);
    assertOf(lines.of("killed").getFirst(), other);
    assertOf(lines.of("ended").getFirst(), maker);
    assertThat(lines.all)
        .extracting(ILoggingEvent::getFormattedMessage)
        .allMatch(line -> line.contains("sandbox=" + id))
        .noneMatch(line -> line.contains("secret"));
  }

  @Test
  void whatHappensToVolumesAndSnapshotsSaysWhoDidIt() throws Exception {
    CreatedToken token = token();
    String volumes = "/api/v2/volumes";
    server.http("POST", volumes, token.secret(), "{\"slug\":\"data\",\"capacity\":\"1GB\"}");
    server.http("POST", volumes + "/data/snapshot", token.secret(), "{\"slug\":\"data-1\"}");
    server.http("DELETE", "/api/v2/snapshots/data-1", token.secret(), "");
    server.http("DELETE", volumes + "/data", token.secret(), "");
    server.http("POST", volumes + "/data/restore", token.secret(), "");
    try (RawClient client =
        server.create(token.secret(), "{\"volumes\":{\"/srv/data\":\"data\"}}")) {
      assertThat(client.status()).isEqualTo(101);
      assertThat(lines.of("mounted"))
          .singleElement()
          .satisfies(
              line ->
                  assertThat(line.getFormattedMessage())
                      .isEqualTo(
                          "mounted sandbox=%s volume=\"data\" path=\"/srv/data\""
                              .formatted(client.sandbox())));
    }

    String volume = "vol_loc_" + "0".repeat(19) + "1";
    String snapshot = "snp_loc_" + "0".repeat(19) + "2";
    assertThat(lines.all)
        .extracting(line -> line.getFormattedMessage().replaceAll(" ms=\\d+$", ""))
        .startsWith(
            "created volume=%s slug=\"data\" bytes=1000000000".formatted(volume),
            "created snapshot=%s slug=\"data-1\" volume=%s".formatted(snapshot, volume),
            "deleted snapshot=%s slug=\"data-1\"".formatted(snapshot),
            "deleted volume=%s slug=\"data\"".formatted(volume),
            "restored volume=%s slug=\"data\"".formatted(volume));
    lines.all.stream()
        .filter(line -> !line.getFormattedMessage().startsWith("ended"))
        .forEach(line -> assertOf(line, token));
    assertThat(server.http("GET", "/metrics", "", "").body())
        .contains(
            "belljar_storage_seconds_count{operation=\"create\"} 1",
            "belljar_storage_seconds_count{operation=\"snapshot\"} 1",
            "belljar_storage_seconds_count{operation=\"delete_snapshot\"} 1",
            "belljar_storage_seconds_count{operation=\"delete\"} 1",
            "belljar_storage_seconds_count{operation=\"restore\"} 1");
  }

  @Test
  void whatStandsStillAndIsSavedSaysWhoDidIt() throws Exception {
    CreatedToken token = token();
    String checkpoint = "chk_loc_" + "0".repeat(19) + "1";
    String id;
    try (RawClient client = server.create(token.secret(), "").reading()) {
      id = client.sandbox();
      String path = "/api/v3/sandbox/" + id;
      server.http("POST", path + "/pause", token.secret(), "");
      assertThat(server.http("GET", "/metrics", "", "").body())
          .contains("belljar_sandboxes_paused 1");
      client.ok("resume", "{}");
      server.http("POST", path + "/checkpoint", token.secret(), "{\"slug\":\"warm\"}");
    }
    await().until(() -> !lines.of("ended").isEmpty());
    String fork;
    try (RawClient client =
        server.create(token.secret(), "{\"belljar\":{\"checkpoint\":\"warm\"}}")) {
      assertThat(client.status()).as(client.body()).isEqualTo(101);
      fork = client.sandbox();
      server.http("DELETE", "/api/v2/checkpoints/warm", token.secret(), "");
    }
    lines.all.stream()
        .filter(line -> !line.getFormattedMessage().startsWith("ended"))
        .forEach(line -> assertOf(line, token));
    assertThat(lines.all)
        .extracting(line -> line.getFormattedMessage().replaceAll(" ms=\\d+$", ""))
        .filteredOn(line -> !line.startsWith("ended"))
        .containsExactly(
            "created sandbox=" + id,
            "paused sandbox=" + id,
            "resumed sandbox=" + id,
            "created checkpoint=%s slug=\"warm\" sandbox=%s bytes=5000".formatted(checkpoint, id),
            "forked sandbox=%s checkpoint=%s".formatted(fork, checkpoint),
            "created sandbox=" + fork,
            "deleted checkpoint=%s slug=\"warm\"".formatted(checkpoint));
    assertThat(server.http("GET", "/metrics", "", "").body())
        .contains(
            "belljar_storage_seconds_count{operation=\"checkpoint\"} 1",
            "belljar_storage_seconds_count{operation=\"delete_checkpoint\"} 1",
            "belljar_sandboxes_paused 0");
  }

  @Test
  void aTokenThatIsNotKnownLeavesALineAndNotItself() throws Exception {
    try (RawClient client = server.create("ddo_" + "a".repeat(40), "")) {
      ILoggingEvent line = refusal(client);
      assertThat(line.getFormattedMessage())
          .contains("request=create", "status=401", "code=INVALID_TOKEN", "from=127.0.0.1")
          .doesNotContain("aaaa");
      assertThat(line.getMDCPropertyMap()).containsOnlyKeys("trace");
    }
    assertThat(refused("create", "INVALID_TOKEN")).isEqualTo(1);
  }

  @Test
  void aTokenThatWasRevokedIsNamedByItsId() throws Exception {
    CreatedToken token = token();
    server.server().store().tokens().revoke(token.token().id());
    try (RawClient client = server.connect(token.secret(), "sbx_loc_" + "9".repeat(20))) {
      ILoggingEvent line = refusal(client);
      assertThat(line.getFormattedMessage())
          .contains("request=connect", "status=401", "code=INVALID_TOKEN")
          .doesNotContain(token.secret());
      assertOf(line, token);
    }
    assertThat(refused("connect", "INVALID_TOKEN")).isEqualTo(1);
  }

  @Test
  void aHandshakeOverALimitLeavesALine() throws Exception {
    CreatedToken token = token();
    try (RawClient first = server.create(token.secret(), "");
        RawClient second = server.create(token.secret(), "")) {
      assertThat(first.status()).isEqualTo(101);
      ILoggingEvent line = refusal(second);
      assertThat(line.getFormattedMessage())
          .contains("request=create", "status=429", "code=SANDBOX_LIMIT_EXCEEDED");
      assertOf(line, token);
    }
    assertThat(refused("create", "SANDBOX_LIMIT_EXCEEDED")).isEqualTo(1);
  }

  @Test
  void aSandboxThatIsNotThereOrHasEndedLeavesALine() throws Exception {
    CreatedToken token = token();
    RawClient made = server.create(token.secret(), "").reading();
    String id = made.sandbox();
    made.close();
    await().until(() -> !lines.of("ended").isEmpty());
    try (RawClient none = server.connect(token.secret(), "x");
        RawClient gone = server.connect(token.secret(), id)) {
      assertThat(refusal(none).getFormattedMessage())
          .contains("request=connect", "status=404", "code=SANDBOX_NOT_FOUND");
      assertThat(refusal(gone).getFormattedMessage())
          .contains("request=connect", "status=410", "code=SANDBOX_ENDED");
      assertOf(refusal(gone), token);
    }
  }

  @Test
  void headersThatAreTooLargeHaveATraceAndLeaveALine() throws Exception {
    try (RawClient client =
        RawClient.ask(
            server.server().endpoint(),
            "/api/v3/sandboxes/create",
            Map.of("x-deno-sandbox-config", "x".repeat(200_000)))) {
      assertThat(client.status()).isEqualTo(431);
      assertThat(client.headers()).containsEntry("x-belljar-version", "1");
      assertThat(refusal(client).getFormattedMessage())
          .contains("status=431", "code=HEADERS_TOO_LARGE");
    }
    assertThat(refused("create", "HEADERS_TOO_LARGE") + refused("other", "HEADERS_TOO_LARGE"))
        .isEqualTo(1);
  }

  @ParameterizedTest
  @CsvSource({
    "GET, /api/v3/sandbox/x, 404, SANDBOX_NOT_FOUND, other",
    "HEAD, /api/v3/sandbox/x, 404, SANDBOX_NOT_FOUND, other",
    "HEAD, /api/v3/sandbox/x/connect, 426, UPGRADE_REQUIRED, connect",
    "GET, /nothing, 404, NOT_FOUND, other",
    "PUT, /healthz, 405, METHOD_NOT_ALLOWED, other",
    "POST, /api/v2/apps, 501, NOT_SUPPORTED, other",
    "GET, /api/v3/sandboxes?limit=x, 400, INVALID_REQUEST, other",
    "GET, /api/v3/sandboxes/create, 426, UPGRADE_REQUIRED, create",
    "GET, /api/v3/sandbox/x/connect, 426, UPGRADE_REQUIRED, connect"
  })
  void everyRouteThatRefusesLeavesALine(
      String method, String path, int status, String code, String request) throws Exception {
    HttpResponse<String> response = server.http(method, path, token().secret(), "");
    assertThat(
            refusal(response.headers().firstValue("x-deno-trace-id").orElse(""))
                .getFormattedMessage())
        .isEqualTo(
            "refused request=%s status=%d code=%s method=\"%s\" path=\"%s\" from=127.0.0.1"
                .formatted(request, status, code, method, path.replaceFirst("\\?.*", "")));
    assertThat(refused(request, code)).isEqualTo(1);
  }

  @Test
  void aSocketElsewhereLeavesALine() throws Exception {
    try (RawClient client = RawClient.ask(server.server().endpoint(), "/nothing", Map.of())) {
      assertThat(refusal(client).getFormattedMessage()).contains("status=404", "path=\"/nothing\"");
    }
  }

  @Test
  void whatIsAnsweredIsNoRefusal() throws Exception {
    try (RawClient client = server.create()) {
      assertThat(client.status()).isEqualTo(101);
      server.http("GET", "/api/v2/sandboxes", server.token(), "");
      server.http("GET", "/readyz", "", "");
    }
    assertThat(lines.of("refused")).isEmpty();
  }
}
