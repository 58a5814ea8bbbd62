package dev.belljar.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.belljar.spi.SandboxProvider;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** Bad clients of a server with real machines. */
@Timeout(180)
@SuppressWarnings("FutureReturnValueIgnored") // of requests whose answers nobody will get
class AbuseIT {
  @TempDir static Path data;
  private static BelljarServer server;
  private static String token;

  @BeforeAll
  static void start() {
    SandboxProvider local =
        ServiceLoader.load(SandboxProvider.class).stream()
            .map(ServiceLoader.Provider::get)
            .filter(provider -> provider.name().equals("local"))
            .findFirst()
            .orElseThrow();
    server =
        BelljarServer.start(ServerConfig.of(data).at("127.0.0.1", 0).with(TestServer.MANY), local);
    token = server.firstToken().orElseThrow();
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  private static RawClient create(String secret, String config) throws IOException {
    return RawClient.ask(
        server.endpoint(),
        "/api/v3/sandboxes/create",
        Map.of(
            "Authorization",
            "Bearer " + secret,
            "x-deno-sandbox-config",
            RawClient.config(config)));
  }

  @Test
  void aPatternOfHostsThatCannotBeIsRefused() throws Exception {
    for (String pattern : List.of("no pattern", "http://example.com", "*.*.com", "")) {
      try (RawClient client = create(token, "{\"allow_net\":[\"" + pattern + "\"]}")) {
        assertThat(client.status()).as(pattern + client.body()).isEqualTo(400);
        assertThat(client.body()).contains("INVALID_CONFIG");
      }
    }
  }

  @Test
  void anAttackOnOneSandboxLeavesThatOfAnotherOrganizationAlone() throws Exception {
    String other = server.store().tokens().create("calm", "").secret();
    try (RawClient calm = create(other, "{}").reading();
        RawClient rude = create(token, "{}").reading()) {
      calm.ok("writeTextFile", "{\"path\":\"/tmp/mine\",\"content\":\"mine\"}");
      for (int i = 0; i < 3000; i++) {
        rude.request("readFile", "{\"path\":\"/dev/zero\",\"abortId\":" + i % 7 + "}");
        rude.request("spawn", "{\"command\":\"yes\",\"stdout\":\"piped\",\"stderr\":\"null\"}");
        rude.tell("$sandbox.stream.start", "{\"streamId\":" + i + "}");
        rude.enqueue(i, new byte[1000]);
        if (i % 500 == 0) {
          assertThat(calm.ok("readTextFile", "{\"path\":\"/tmp/mine\"}").stringValue())
              .isEqualTo("mine");
        }
      }
      rude.reset();
      assertThat(calm.ok("readTextFile", "{\"path\":\"/tmp/mine\"}").stringValue())
          .isEqualTo("mine");
      assertThat(calm.ping()).isLessThan(5000);
      await()
          .atMost(Duration.ofSeconds(30))
          .until(
              () ->
                  server
                      .store()
                      .sandboxes()
                      .find("local", rude.sandbox())
                      .orElseThrow()
                      .stoppedAt()
                      .isPresent());
    }
  }

  @Test
  void muchGoesThroughOneStreamEachWay() throws Exception {
    int megabytes = 128;
    try (RawClient client = create(token, "{}").reading()) {
      JsonNode child =
          client.ok(
              "spawn",
              "{\"command\":\"sh\",\"args\":[\"-c\",\"wc -c; head -c "
                  + (megabytes << 20)
                  + " /dev/zero\"],\"stdinStreamId\":1,\"stdout\":\"piped\",\"stderr\":\"null\"}");
      client.tell("$sandbox.stream.start", "{\"streamId\":1}");
      byte[] part = new byte[1 << 20];
      for (int i = 0; i < megabytes; i++) {
        client.enqueue(1, part);
      }
      client.tell("$sandbox.stream.end", "{\"streamId\":1}");
      RawClient.Received received = client.stream(child.get("stdoutStreamId").longValue());
      assertThat(received.end().get(120, TimeUnit.SECONDS)).isEqualTo("end");
      String count = (megabytes << 20) + "\n";
      assertThat(received.bytes().get()).isEqualTo((megabytes << 20) + count.length());
    }
  }

  @Test
  void requestsAreAbortedAndTheSandboxGoesOn() throws Exception {
    try (RawClient client = create(token, "{}").reading()) {
      JsonNode child =
          client.ok(
              "spawn",
              "{\"command\":\"sleep\",\"args\":[\"100\"],\"stdout\":\"null\",\"stderr\":\"null\"}");
      List<CompletableFuture<JsonNode>> hanging =
          List.of(
              client.request("processWait", "{\"pid\":" + child.get("pid") + ",\"abortId\":1}"),
              client.request(
                  "writeFile", "{\"path\":\"/tmp/f\",\"contentStreamId\":9,\"abortId\":1}"));
      await()
          .during(Duration.ofMillis(300))
          .until(() -> hanging.stream().noneMatch(CompletableFuture::isDone));
      client.ok("abort", "{\"abortId\":1}");
      for (CompletableFuture<JsonNode> request : hanging) {
        assertThat(
                request
                    .get(30, TimeUnit.SECONDS)
                    .path("result")
                    .path("error")
                    .path("name")
                    .asString(""))
            .isEqualTo("AbortError");
      }
      client.ok("writeTextFile", "{\"path\":\"/tmp/f\",\"content\":\"on\"}");
      assertThat(client.ok("readTextFile", "{\"path\":\"/tmp/f\"}").stringValue()).isEqualTo("on");
    }
  }
}
