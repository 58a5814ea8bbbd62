package dev.belljar.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.belljar.EgressRecord.Verdict;
import dev.belljar.EgressTotals;
import dev.belljar.EgressTotals.Limit;
import java.io.InputStream;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** The management API: sandboxes, and what is not there. */
class RestTest {
  private static final Pattern NEXT = Pattern.compile("<([^>]*)>; rel=\"next\"");

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

  private static HttpResponse<String> http(String method, String path, String body)
      throws Exception {
    return server.http(method, path, server.token(), body);
  }

  private static void assertError(HttpResponse<String> response, int status, String code) {
    assertThat(response.statusCode()).as(response.body()).isEqualTo(status);
    assertThat(response.headers().firstValue("content-type").orElse(""))
        .startsWith("application/json");
    JsonNode body = RawClient.JSON.readTree(response.body());
    assertThat(body.get("code").stringValue()).isEqualTo(code);
    assertThat(body.get("message").stringValue()).isNotBlank();
    assertThat(body.size()).isEqualTo(2);
  }

  private static RawClient withLifetime() throws Exception {
    return server.create(server.token(), "{\"timeout\":\"5m\"}").reading();
  }

  @Test
  void aSandboxIsExtendedWithinWhatItsOrganizationMay() throws Exception {
    try (RawClient client = withLifetime()) {
      String path = "/api/v3/sandbox/" + client.sandbox();
      long before = server.of(client).stopAt().toEpochMilli();
      HttpResponse<String> past = http("PATCH", path, "{\"stop_at_ms\":1}");
      assertThat(past.statusCode()).isEqualTo(200);
      assertThat(RawClient.JSON.readTree(past.body()).get("stop_at_ms").longValue())
          .isEqualTo(before);
      HttpResponse<String> far = http("PATCH", path, "{\"stop_at_ms\":8640000000000000}");
      assertThat(RawClient.JSON.readTree(far.body()).get("stop_at_ms").longValue())
          .isBetween(
              Instant.now().plusSeconds(1790).toEpochMilli(),
              Instant.now().plusSeconds(1801).toEpochMilli());
      for (String wrong :
          new String[] {
            "{\"stop_at_ms\":\"x\"}",
            "{\"stop_at_ms\":null}",
            "{\"stop_at_ms\":-1}",
            "{\"stop_at_ms\":1e400}",
            "{\"stop_at_ms\":123456789012345678901234567890}",
            "{}",
            "[]",
            "1",
            "{",
            ""
          }) {
        assertError(http("PATCH", path, wrong), 400, "INVALID_REQUEST");
      }
      server.of(client).kill();
    }
  }

  @Test
  void aSandboxIsKilledOnce() throws Exception {
    try (RawClient client = withLifetime()) {
      String path = "/api/v3/sandbox/" + client.sandbox();
      assertThat(http("DELETE", path, "").statusCode()).isEqualTo(200);
      assertThat(client.closeCode()).isEqualTo(1000);
      await().untilAsserted(() -> assertError(http("DELETE", path, ""), 410, "SANDBOX_ENDED"));
      assertError(http("PATCH", path, "{\"stop_at_ms\":1}"), 410, "SANDBOX_ENDED");
    }
  }

  @Test
  void whatOthersHaveCanNeitherBeSeenNorTouched() throws Exception {
    String stranger = server.token("rest-strangers");
    try (RawClient client = withLifetime()) {
      String path = "/api/v3/sandbox/" + client.sandbox();
      for (String method : List.of("GET", "DELETE", "PATCH")) {
        assertError(
            server.http(method, path, stranger, "{\"stop_at_ms\":1}"), 404, "SANDBOX_NOT_FOUND");
      }
      assertThat(server.http("GET", "/api/v2/sandboxes", stranger, "").body()).isEqualTo("[]");
      assertThat(server.of(client).ended()).isFalse();
      server.of(client).kill();
    }
  }

  @Test
  void sandboxesAreListedByLabelsPageByPage() throws Exception {
    String token = server.token("listing");
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < 7; i++) {
      clients.add(
          server.create(token, "{\"labels\":{\"odd\":\"" + i % 2 + "\",\"a b&c\":\"=ü\"}}"));
    }
    JsonNode all =
        RawClient.JSON.readTree(server.http("GET", "/api/v2/sandboxes", token, "").body());
    assertThat(all.size()).isEqualTo(7);
    assertThat(all.get(0).propertyNames())
        .contains("id", "createdAt", "stoppedAt", "region", "status", "labels");
    List<String> seen = new ArrayList<>();
    String path =
        "/api/v3/sandboxes?limit=2&labels%5Bodd%5D=0&labels[a%20b%26c]=%3D%C3%BC"
            .replace("[", "%5B")
            .replace("]", "%5D");
    int pages = 0;
    while (!path.isEmpty()) {
      HttpResponse<String> page = server.http("GET", path, token, "");
      assertThat(page.statusCode()).as(page.body()).isEqualTo(200);
      RawClient.JSON.readTree(page.body()).forEach(node -> seen.add(node.get("id").stringValue()));
      Optional<String> link = page.headers().firstValue("link");
      path = "";
      if (link.isPresent()) {
        Matcher matcher = NEXT.matcher(link.get());
        assertThat(matcher.matches()).as(link.get()).isTrue();
        URI next = URI.create(matcher.group(1));
        assertThat(next.getRawQuery()).contains("cursor=", "limit=2");
        path = next.getRawPath() + "?" + next.getRawQuery();
      }
      pages++;
    }
    assertThat(pages).isEqualTo(2);
    assertThat(seen).hasSize(4).doesNotHaveDuplicates();
    for (RawClient client : clients) {
      client.close();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "limit=x",
        "limit=0",
        "limit=-1",
        "limit=99999999999",
        "limit=1001",
        "cursor=x",
        "cursor=",
        "status=dead"
      })
  void aListCannotBeAskedForWrongly(String query) throws Exception {
    HttpResponse<String> response = http("GET", "/api/v3/sandboxes?" + query, "");
    assertError(response, 400, "INVALID_REQUEST");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "labels",
        "labels=x",
        "labels[=b",
        "labels[]=b",
        "labelsa=b",
        "labels%00[a]=b",
        "labels[a%00]=b",
        "labels[a]=%ff",
        "labels[a]=%zz",
        "labels[a]=%ff%zz",
        "labels[%ff]=a",
        "labels[a]=1&labels[a]=2",
        "labels[kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk]=x",
        "labels[1]=&labels[2]=&labels[3]=&labels[4]=&labels[5]=&labels[6]=",
        "status=%zz",
        "x=%e4"
      })
  void aFilterThatCannotBeReadListsNothing(String query) throws Exception {
    for (String list : List.of("/api/v2/sandboxes?", "/api/v3/sandboxes?")) {
      String answer =
          raw(
              "GET "
                  + list
                  + query
                  + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer "
                  + server.token()
                  + "\r\n\r\n");
      assertThat(answer).startsWith("HTTP/1.1 400").contains("INVALID_REQUEST");
    }
  }

  @Test
  void aLabelWithALineFeedIsAskedForLikeAnyOther() throws Exception {
    String token = server.token("odd-labels");
    try (RawClient client = server.create(token, "{\"labels\":{\"a\\nb]\":\"yes\"}}")) {
      String path = "/api/v2/sandboxes?labels%5Ba%0Ab%5D%5D=";
      assertThat(server.http("GET", path + "yes", token, "").body()).contains(client.sandbox());
      assertThat(server.http("GET", path + "nope", token, "").body()).isEqualTo("[]");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "GET, /, 404, NOT_FOUND",
    "GET, /api, 404, NOT_FOUND",
    "GET, /index.html, 404, NOT_FOUND",
    "POST, /api/v3/sandboxes, 405, METHOD_NOT_ALLOWED",
    "PUT, /healthz, 405, METHOD_NOT_ALLOWED",
    "TRACE, /healthz, 405, METHOD_NOT_ALLOWED",
    "BREW, /healthz, 405, METHOD_NOT_ALLOWED",
    "GET, /api/v3/sandboxes/create, 426, UPGRADE_REQUIRED",
    "GET, /api/v3/sandbox/x/connect, 426, UPGRADE_REQUIRED",
    "GET, /api/v3/sandbox/x, 404, SANDBOX_NOT_FOUND",
    "POST, /api/v3/sandbox/x/expose/http, 404, SANDBOX_NOT_FOUND",
    "GET, /api/v2/apps, 501, NOT_SUPPORTED",
    "GET, /api/v2/layers/x/y, 501, NOT_SUPPORTED",
    "GET, /api/v2/volumes/x/y, 404, NOT_FOUND",
    "GET, /api/v2/appsfoo, 404, NOT_FOUND",
    "HEAD, /api/v2/timelines, 501, ",
    "HEAD, /api/v3/sandbox/x, 404, ",
    "POST, /api/v2/apps, 501, NOT_SUPPORTED",
    "GET, /api/v2/apps/x, 404, NOT_FOUND",
    "DELETE, /api/v2/revisions/x, 501, NOT_SUPPORTED"
  })
  void whatIsNotThereIsSaidInJson(String method, String path, int status, String code)
      throws Exception {
    HttpResponse<String> response = http(method, path, "");
    if (code == null) {
      assertThat(response.statusCode()).isEqualTo(status);
      assertThat(response.body()).isEmpty();
    } else {
      assertError(response, status, code);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/api/v2/sandboxes",
        "/api/v3/sandboxes",
        "/api/v3/sandbox/x",
        "/api/v3/sandboxes/create",
        "/api/v3/sandbox/x/connect",
        "/api/v2/volumes",
        "/api/v2/volumes/x",
        "/api/v2/volumes/x/snapshot",
        "/api/v2/snapshots",
        "/api/v2/apps",
        "/api/nothing",
        "/api"
      })
  void everythingNeedsAToken(String path) throws Exception {
    for (String method : List.of("GET", "POST", "PATCH", "DELETE", "OPTIONS")) {
      assertError(server.http(method, path, "", ""), 401, "INVALID_TOKEN");
    }
    assertThat(server.http("HEAD", path, "", "").statusCode()).isEqualTo(401);
  }

  @ParameterizedTest
  @CsvSource({
    "/healthz, 200",
    "/readyz, 200",
    "/metrics, 200",
    "/api/v2/sandboxes, 200",
    "/api/v3/sandboxes, 200",
    "/api/v3/sandboxes?limit=x, 400",
    "/api/v3/sandbox/x, 404",
    "/api/v3/sandboxes/create, 426",
    "/api/v3/sandbox/x/connect, 426",
    "/api/v2/volumes/x, 404",
    "/nothing, 404"
  })
  void headIsGetWithoutItsBody(String path, int status) throws Exception {
    HttpResponse<String> get = http("GET", path, "");
    HttpResponse<String> head = http("HEAD", path, "");
    assertThat(head.statusCode()).isEqualTo(get.statusCode()).isEqualTo(status);
    assertThat(head.body()).isEmpty();
    assertThat(head.headers().map().keySet()).containsAll(get.headers().map().keySet());
    assertThat(head.headers().firstValue("content-type"))
        .isEqualTo(get.headers().firstValue("content-type"));
  }

  @Test
  void aBodyOverTheLimitIsRefused() throws Exception {
    try (RawClient client = withLifetime()) {
      String answer =
          raw(
              "PATCH /api/v3/sandbox/"
                  + client.sandbox()
                  + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2000000\r\n"
                  + "Authorization: Bearer "
                  + server.token()
                  + "\r\n\r\n{}");
      assertThat(answer).startsWith("HTTP/1.1 413").contains("BODY_TOO_LARGE");
      server.of(client).kill();
    }
  }

  /** Sends bytes and reads what comes back. */
  private static String raw(String request) throws Exception {
    URI uri = URI.create(server.server().endpoint());
    try (Socket socket = new Socket(uri.getHost(), uri.getPort())) {
      socket.setSoTimeout(10_000);
      socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
      socket.getOutputStream().flush();
      // As far as the end of the JSON: the server may wait for more of the request.
      InputStream in = socket.getInputStream();
      StringBuilder answer = new StringBuilder();
      int b;
      while ((b = in.read()) >= 0 && b != '}') {
        answer.append((char) b);
      }
      return answer.toString();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "GET, 400",
    "'GET /\0 HTTP/1.1', 400",
    "GET / HTTP/9.9, 505",
    "'G\0T / HTTP/1.1', 400"
  })
  void nonsenseIsAnsweredInJson(String line, int status) throws Exception {
    String answer = raw(line + "\r\nHost: x\r\nConnection: close\r\n\r\n");
    assertThat(answer).startsWith("HTTP/1.1 " + status).doesNotContainIgnoringCase("<html");
    assertThat(answer).contains("\"code\":");
  }

  @ParameterizedTest
  @CsvSource({
    "/api/v3/sandboxes/create, 8",
    "/api/v3/sandbox/x/connect, 8",
    "/api/v3/sandboxes/create, 14",
    "/api/v3/sandboxes/create, x"
  })
  void anotherVersionOfWebSocketIsToldTheOneThatThereIs(String path, String version)
      throws Exception {
    String answer =
        raw(
            "GET "
                + path
                + " HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: "
                + version
                + "\r\n\r\n");
    assertThat(answer)
        .startsWith("HTTP/1.1 426")
        .containsIgnoringCase("\r\nSec-WebSocket-Version: 13\r\n")
        .containsPattern("(?i)\r\nx-deno-trace-id: [0-9a-f]{32}\r\n")
        .contains("UPGRADE_REQUIRED");
  }

  @Test
  void aPathOverTheLimitIsAnsweredInJson() throws Exception {
    String answer =
        raw("GET /" + "x".repeat(200_000) + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assertThat(answer).startsWith("HTTP/1.1 414").contains("PATH_TOO_LONG").doesNotContain("<");
  }

  @Test
  void headAndOptionsAreSane() throws Exception {
    HttpResponse<String> head = http("HEAD", "/healthz", "");
    assertThat(head.statusCode()).isEqualTo(200);
    assertThat(head.body()).isEmpty();
    HttpResponse<String> options = http("OPTIONS", "/api/v3/sandboxes", "");
    assertThat(options.statusCode()).isLessThan(500);
    assertThat(options.body()).doesNotContain("<");
  }

  @Test
  void itsHealthIsSaidToAnybody() throws Exception {
    assertThat(server.http("GET", "/healthz", "", "").body()).isEqualTo("{\"status\":\"ok\"}");
    assertThat(server.http("GET", "/readyz", "", "").body()).isEqualTo("{\"status\":\"ready\"}");
  }

  @Test
  void metricsSayWhatRunsAndNoSecrets() throws Exception {
    try (RawClient client = server.create()) {
      HttpResponse<String> metrics = server.http("GET", "/metrics", "", "");
      assertThat(metrics.statusCode()).isEqualTo(200);
      assertThat(metrics.headers().firstValue("content-type").orElse("")).startsWith("text/plain");
      assertThat(metrics.body())
          .contains(
              "belljar_sandboxes{state=\"running\"}",
              "belljar_sockets",
              "belljar_create_seconds_bucket")
          .doesNotContain(server.token())
          .doesNotContain(client.sandbox());
    }
  }

  @Test
  void metricsSayWhatSandboxesCarryWhileTheyLiveAndAfterwards(@TempDir Path other)
      throws Exception {
    try (TestServer fresh = new TestServer(other, Duration.ofSeconds(30));
        RawClient one = fresh.create();
        RawClient two = fresh.create()) {
      fresh.of(one).carried(carried(1, 5));
      fresh.of(two).carried(carried(2, 7));
      String[] seen = {
        "belljar_egress_connections_total{verdict=\"allowed\"} 12.0",
        "belljar_egress_connections_total{verdict=\"limited\"} 3.0",
        "belljar_egress_connections_total{verdict=\"denied\"} 0.0",
        "belljar_egress_limited_total{limit=\"per_second\"} 3.0",
        "belljar_egress_limited_total{limit=\"idle\"} 0.0",
        "belljar_egress_out_bytes_total 120.0",
        "belljar_egress_in_bytes_total 1200.0"
      };
      assertThat(fresh.http("GET", "/metrics", "", "").body())
          .contains(seen)
          .contains("belljar_egress_open 3.0");

      fresh.of(one).end("over");
      await()
          .untilAsserted(
              () ->
                  assertThat(fresh.http("GET", "/metrics", "", "").body())
                      .contains("belljar_sandboxes{state=\"ended\"} 1.0")
                      .contains(seen));
    }
  }

  @Test
  void aSandboxesTotalsAreDescribed() throws Exception {
    try (RawClient client = server.create()) {
      server.of(client).carried(carried(2, 7));
      JsonNode totals =
          RawClient.JSON
              .readTree(http("GET", "/api/v3/sandbox/" + client.sandbox(), "").body())
              .path("egress_totals");
      assertThat(totals.at("/connections/allowed").asLong()).isEqualTo(7);
      assertThat(totals.at("/limits/per_second").asLong()).isEqualTo(2);
      assertThat(totals.path("open").asLong()).isEqualTo(2);
      assertThat(totals.path("bytes_out").asLong()).isEqualTo(70);
      assertThat(totals.path("bytes_in").asLong()).isEqualTo(700);
    }
  }

  private static EgressTotals carried(long limited, long allowed) {
    return new EgressTotals(
        Map.of(Verdict.ALLOWED, allowed, Verdict.LIMITED, limited),
        Map.of(Limit.PER_SECOND, limited),
        limited,
        10 * allowed,
        100 * allowed);
  }

  @Test
  void metricsNeedATokenWhereTheServerListensForMoreThanThisHost(@TempDir Path other)
      throws Exception {
    var config = ServerConfig.of(other).at("127.0.0.1", 0).with(TestServer.MANY);
    String secret;
    try (TestServer first = new TestServer(config, Duration.ofSeconds(30))) {
      secret = first.token();
    }
    try (TestServer open = new TestServer(config.at("0.0.0.0", 0), Duration.ofSeconds(30))) {
      assertError(open.http("GET", "/metrics", "", ""), 401, "INVALID_TOKEN");
      assertThat(open.http("HEAD", "/metrics", "", "").statusCode()).isEqualTo(401);
      assertThat(open.http("GET", "/metrics", secret, "").statusCode()).isEqualTo(200);
      assertThat(open.http("GET", "/healthz", "", "").statusCode()).isEqualTo(200);
    }
  }
}
