package dev.belljar.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.belljar.EgressLimits;
import dev.belljar.SandboxOptions;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.server.sandboxes.Limits;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/**
 * Sandboxes that are paused, resumed, saved and made from what was saved, over REST and sockets.
 */
class CheckpointTest {
  private static final String CHECKPOINTS = "/api/v2/checkpoints";
  private static final String SPAWN =
      "{\"command\":\"true\",\"args\":[],\"stdout\":\"null\",\"stderr\":\"null\"}";
  private static final String ENDED = "sbx_loc_00000000000000000000";

  @TempDir static Path data;
  private static TestServer server;
  private static int organizations;

  /** Of an organization that has nothing yet. */
  private String token = "";

  private String organization = "";

  @BeforeAll
  static void start() {
    server =
        new TestServer(
            ServerConfig.of(data)
                .at("127.0.0.1", 0)
                .with(new Limits(1000, 2048, Duration.ofMinutes(30), EgressLimits.DEFAULT)),
            Duration.ofSeconds(30));
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @BeforeEach
  void anotherOrganization() {
    organization = "saving-" + ++organizations;
    token = server.token(organization);
  }

  private HttpResponse<String> http(String method, String path, String body) throws Exception {
    return server.http(method, path, token, body);
  }

  private JsonNode json(String method, String path, String body) throws Exception {
    HttpResponse<String> response = http(method, path, body);
    assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
    return RawClient.JSON.readTree(response.body());
  }

  private RawClient sandbox(String config) throws IOException {
    RawClient client = server.create(token, config);
    assertThat(client.status()).as(client.body()).isEqualTo(101);
    return client.reading();
  }

  private static String path(RawClient client) {
    return "/api/v3/sandbox/" + client.sandbox();
  }

  private static void assertError(HttpResponse<String> response, int status, String code) {
    assertThat(response.statusCode()).as(response.body()).isEqualTo(status);
    JsonNode body = RawClient.JSON.readTree(response.body());
    assertThat(body.get("code").stringValue()).isEqualTo(code);
    assertThat(body.get("message").stringValue()).isNotBlank();
  }

  /** What a call on a socket failed with. */
  private static JsonNode error(RawClient client, String method, String params) throws Exception {
    return client.call(method, params).get("result").get("error");
  }

  private void assertNotMade(String config, int status, String code) throws IOException {
    int before = server.sandboxes().made().size();
    try (RawClient client = server.create(token, config)) {
      assertThat(client.status()).as(client.body()).isEqualTo(status);
      assertThat(RawClient.JSON.readTree(client.body()).get("code").stringValue()).isEqualTo(code);
    }
    assertThat(server.sandboxes().made()).hasSize(before);
  }

  @Test
  void aPausedSandboxRefusesCallsAndKeepsItsSocketsAndLifetime() throws Exception {
    try (RawClient client = sandbox("{\"timeout\":\"5m\"}")) {
      JsonNode process =
          client.ok(
              "spawn",
              "{\"command\":\"cat\",\"args\":[],\"stdout\":\"piped\",\"stderr\":\"null\"}");
      CompletableFuture<JsonNode> status =
          client.request("processWait", "{\"pid\":" + process.get("pid") + "}");
      assertThat(json("GET", path(client), "").get("paused").booleanValue()).isFalse();
      assertThat(json("POST", path(client) + "/pause", "{}").isEmpty()).isTrue();
      assertThat(json("POST", path(client) + "/pause", "").isEmpty()).isTrue();
      assertThat(json("GET", path(client), "").get("paused").booleanValue()).isTrue();

      JsonNode refused = error(client, "spawn", SPAWN);
      assertThat(refused.get("code").stringValue()).isEqualTo("SANDBOX_PAUSED");
      assertThat(refused.get("constructorName").stringValue()).isEqualTo("Error");
      assertThat(refused.get("message").stringValue()).contains(client.sandbox(), "Resume");
      assertError(
          http("POST", path(client) + "/checkpoint", "{\"slug\":\"a\"}"), 409, "SANDBOX_PAUSED");
      assertThat(client.ping()).isNotNegative();
      assertThat(
              json("PATCH", path(client), "{\"stop_at_ms\":8640000000000000}")
                  .get("stop_at_ms")
                  .longValue())
          .isPositive();
      try (RawClient second = server.connect(token, client.sandbox()).reading()) {
        assertThat(error(second, "spawn", SPAWN).get("code").stringValue())
            .isEqualTo("SANDBOX_PAUSED");
      }
      assertThat(status).isNotDone();

      assertThat(json("POST", path(client) + "/resume", "").isEmpty()).isTrue();
      assertThat(json("GET", path(client), "").get("paused").booleanValue()).isFalse();
      client.ok("spawn", SPAWN);
      json("POST", path(client) + "/pause", "{}");
      assertThat(json("DELETE", path(client), "").isEmpty()).isTrue();
      assertThat(client.closeCode()).isEqualTo(1000);
    }
  }

  @Test
  void aSocketPausesResumesAndSavesToo() throws Exception {
    try (RawClient client = sandbox("")) {
      assertThat(client.ok("pause", "{}").isNull()).isTrue();
      assertThat(error(client, "checkpoint", "{\"slug\":\"a\"}").get("code"))
          .isEqualTo(RawClient.JSON.readTree("\"SANDBOX_PAUSED\""));
      assertThat(client.ok("resume", "{}").isNull()).isTrue();
      JsonNode made = client.ok("checkpoint", "{\"slug\":\"by-socket\"}");
      assertThat(json("GET", CHECKPOINTS + "/by-socket", "")).isEqualTo(made);

      JsonNode taken = error(client, "checkpoint", "{\"slug\":\"by-socket\"}");
      assertThat(taken.get("code").stringValue()).isEqualTo("SLUG_TAKEN");
      JsonNode wrong = error(client, "checkpoint", "{\"slug\":\"No Slug\"}");
      assertThat(wrong.get("constructorName").stringValue()).isEqualTo("TypeError");
      for (String params : List.of("{}", "{\"slug\":5}", "[]")) {
        JsonNode answer = client.request("checkpoint", params).get(30, TimeUnit.SECONDS);
        assertThat(answer.get("error").get("code").intValue()).as(params).isEqualTo(-32602);
      }
    }
  }

  @Test
  void whatWaitsForThePausedSandboxKeepsNobodyFromResumingIt() throws Exception {
    try (RawClient client = sandbox("")) {
      List<CompletableFuture<JsonNode>> hanging = new ArrayList<>();
      for (int i = 0; i < 300; i++) {
        hanging.add(client.request("readFile", "{\"path\":\"/hang\",\"abortId\":1}"));
      }
      server.of(client).pause();
      client.ok("resume", "{}");
      assertThat(server.of(client).isPaused()).isFalse();
      client.ok("abort", "{\"abortId\":1}");
      for (CompletableFuture<JsonNode> call : hanging) {
        call.get(30, TimeUnit.SECONDS);
      }
    }
  }

  @Test
  void aCheckpointIsMadeShownListedAndDeleted() throws Exception {
    try (RawClient client = sandbox("{\"memory_mb\":1024,\"belljar\":{\"vcpus\":3}}")) {
      JsonNode made = json("POST", path(client) + "/checkpoint", "{\"slug\":\"warm\"}");
      String id = made.get("id").stringValue();
      assertThat(made)
          .isEqualTo(
              RawClient.JSON.readTree(
                  """
                  {"id":"%s","slug":"warm","region":"loc","memory":1073741824,"vcpus":3,
                   "allocated_size":5000,"sandbox":"%s","created_at":"2026-01-02T03:04:05Z"}
                  """
                      .formatted(id, client.sandbox())));
      assertThat(json("GET", CHECKPOINTS + "/warm", "")).isEqualTo(made);
      assertThat(json("GET", CHECKPOINTS + "/" + id, "")).isEqualTo(made);
      json("POST", path(client) + "/checkpoint", "{\"slug\":\"warmer\"}");
      HttpResponse<String> page = http("GET", CHECKPOINTS + "?limit=1&search=warm", "");
      assertThat(RawClient.JSON.readTree(page.body()).size()).isEqualTo(1);
      assertThat(page.headers().firstValue("link").orElse("")).contains("rel=\"next\"");
      assertThat(json("GET", CHECKPOINTS + "?search=warmer", "").size()).isEqualTo(1);

      assertThat(json("DELETE", CHECKPOINTS + "/warm", "").isEmpty()).isTrue();
      assertError(http("GET", CHECKPOINTS + "/" + id, ""), 404, "STORAGE_NOT_FOUND");
      assertError(http("DELETE", CHECKPOINTS + "/warm", ""), 404, "STORAGE_NOT_FOUND");
      assertError(http("GET", CHECKPOINTS + "/a.b", ""), 404, "STORAGE_NOT_FOUND");
      assertError(http("POST", CHECKPOINTS, "{}"), 405, "METHOD_NOT_ALLOWED");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "pause|[]",
        "pause|{",
        "pause|{\"for\":\"5s\"}",
        "resume|{\"slug\":\"a\"}",
        "checkpoint|",
        "checkpoint|{}",
        "checkpoint|{\"slug\":5}",
        "checkpoint|{\"slug\":\"No\"}",
        "checkpoint|{\"slug\":\"a\",\"memory\":false}"
      })
  void nothingCanBeAskedForWrongly(String request) throws Exception {
    String[] parts = request.split("\\|", -1);
    try (RawClient client = sandbox("")) {
      assertError(http("POST", path(client) + "/" + parts[0], parts[1]), 400, "INVALID_REQUEST");
      assertThat(server.of(client).isPaused()).isFalse();
      assertThat(json("GET", CHECKPOINTS, "").isEmpty()).isTrue();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"pause", "resume", "checkpoint"})
  void othersSandboxesCannotBeToldFromNoneAndEndedOnesAreGone(String verb) throws Exception {
    String body = verb.equals("checkpoint") ? "{\"slug\":\"a\"}" : "{}";
    try (RawClient client = sandbox("{\"timeout\":\"5m\"}")) {
      String path = path(client) + "/" + verb;
      String stranger = server.token("strangers-of-" + organization);
      assertError(server.http("POST", path, stranger, body), 404, "SANDBOX_NOT_FOUND");
      assertError(
          http("POST", "/api/v3/sandbox/" + ENDED + "/" + verb, body), 404, "SANDBOX_NOT_FOUND");
      assertError(server.http("POST", path, "", body), 401, "INVALID_TOKEN");
      assertThat(server.of(client).isPaused()).isFalse();
      server.of(client).kill();
      await().untilAsserted(() -> assertError(http("POST", path, body), 410, "SANDBOX_ENDED"));
    }
  }

  @Test
  void aSandboxIsMadeFromACheckpointAndIsAsLargeAsThat() throws Exception {
    String id;
    try (RawClient client = sandbox("{\"memory_mb\":2048,\"belljar\":{\"vcpus\":3}}")) {
      id =
          json("POST", path(client) + "/checkpoint", "{\"slug\":\"warm\"}").get("id").stringValue();
    }
    for (String name : List.of("warm", id)) {
      try (RawClient fork =
          sandbox("{\"memory_mb\":1280,\"belljar\":{\"checkpoint\":\"" + name + "\"}}")) {
        SandboxOptions options = server.of(fork).options();
        assertThat(options.checkpoint()).as("not by a name that may change").contains(id);
        assertThat(options.memory().bytes()).isEqualTo(2048L << 20);
        assertThat(options.vcpus()).isEqualTo(3);
      }
    }
  }

  @Test
  void limitsAreOnWhatTheCheckpointNeeds() throws Exception {
    FakeStorage storage = server.storage(organization);
    SandboxOptions large = SandboxOptions.builder().local().memory("3GiB").build();
    storage.checkpoint("large", new FakeSandbox(ENDED, large, storage));
    assertNotMade(
        "{\"memory_mb\":768,\"belljar\":{\"checkpoint\":\"large\"}}", 400, "MEMORY_LIMIT_EXCEEDED");
  }

  @Test
  void aCheckpointThatCannotBeHadMakesNoSandbox() throws Exception {
    try (RawClient client = sandbox("")) {
      json("POST", path(client) + "/checkpoint", "{\"slug\":\"mine\"}");
    }
    String own = token;
    token = server.token("strangers-of-" + organization);
    assertNotMade("{\"belljar\":{\"checkpoint\":\"mine\"}}", 404, "STORAGE_NOT_FOUND");
    assertError(http("GET", CHECKPOINTS + "/mine", ""), 404, "STORAGE_NOT_FOUND");
    assertError(http("DELETE", CHECKPOINTS + "/mine", ""), 404, "STORAGE_NOT_FOUND");
    assertThat(json("GET", CHECKPOINTS, "").isEmpty()).isTrue();
    token = own;
    for (String belljar : List.of("5", "\"\"", "\"a b\"", "{}", "\"../a\"")) {
      assertNotMade("{\"belljar\":{\"checkpoint\":" + belljar + "}}", 400, "INVALID_CONFIG");
    }
    assertNotMade(
        "{\"root\":{\"volume\":\"x\"},\"belljar\":{\"checkpoint\":\"mine\"}}",
        400,
        "INVALID_CONFIG");
    assertNotMade(
        "{\"volumes\":{\"/x\":\"x\"},\"belljar\":{\"checkpoint\":\"mine\"}}",
        400,
        "INVALID_CONFIG");
    json("GET", CHECKPOINTS + "/mine", "");
  }

  @ParameterizedTest
  @EnumSource(Reason.class)
  void eachReasonHasTheSameCodeOverRestAndOnSockets(Reason reason) throws Exception {
    try (RawClient client = sandbox("")) {
      FakeStorage storage = server.storage(organization);
      storage.failOnce(new StorageException(reason, "Thus and so."));
      HttpResponse<String> rest = http("POST", path(client) + "/checkpoint", "{\"slug\":\"a\"}");
      JsonNode told = RawClient.JSON.readTree(rest.body());
      storage.failOnce(new StorageException(reason, "Thus and so."));
      JsonNode error = error(client, "checkpoint", "{\"slug\":\"a\"}");
      assertThat(error.get("code")).isEqualTo(told.get("code"));
      assertThat(error.get("message").stringValue()).isEqualTo("Thus and so.");
    }
  }

  @Test
  void aCheckpointOfAnotherQemuIsSaidSo() throws Exception {
    try (RawClient client = sandbox("")) {
      json("POST", path(client) + "/checkpoint", "{\"slug\":\"old\"}");
    }
    server
        .sandboxes()
        .beforeEach(
            () -> {
              throw new StorageException(Reason.INCOMPATIBLE, "It was made under QEMU 6.");
            });
    try {
      assertNotMade("{\"belljar\":{\"checkpoint\":\"old\"}}", 409, "CHECKPOINT_INCOMPATIBLE");
    } finally {
      server.sandboxes().beforeEach(() -> {});
    }
  }

  @Test
  void anEngineThatKeepsNothingSaysSo(@TempDir Path other) throws Exception {
    try (TestServer bare = new TestServer(other, Duration.ofSeconds(30))) {
      bare.sandboxes().withoutStorage();
      token = bare.token();
      try (RawClient client = bare.create()) {
        assertError(
            bare.http("POST", path(client) + "/checkpoint", token, "{\"slug\":\"a\"}"),
            501,
            "NOT_SUPPORTED");
      }
      assertError(bare.http("GET", CHECKPOINTS, token, ""), 501, "NOT_SUPPORTED");
      try (RawClient client = bare.create(token, "{\"belljar\":{\"checkpoint\":\"a\"}}")) {
        assertThat(client.status()).isEqualTo(501);
      }
    }
  }
}
