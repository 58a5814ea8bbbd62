package dev.belljar.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.belljar.EgressLimits;
import dev.belljar.engine.LocalSandboxProvider;
import dev.belljar.server.sandboxes.Limits;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** Forks of real machines by the raw protocol, of organizations with other limits. */
@Timeout(180)
@SuppressWarnings("NullAway.Init") // before each test
class ForkIT {
  private static final HttpClient HTTP = HttpClient.newHttpClient();

  @TempDir private Path data;
  private BelljarServer server;
  private String token;

  @BeforeEach
  void start() {
    serve(2, 1280);
    token = server.store().tokens().create("acme", "").secret();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private void serve(int sandboxes, int memoryMib) {
    server =
        BelljarServer.start(
            ServerConfig.of(data)
                .at("127.0.0.1", 0)
                .with(
                    new Limits(sandboxes, memoryMib, Duration.ofMinutes(30), EgressLimits.DEFAULT)),
            new LocalSandboxProvider());
  }

  private RawClient create(String secret, String config) throws IOException {
    return RawClient.ask(
        server.endpoint(),
        "/api/v3/sandboxes/create",
        Map.of(
            "Authorization",
            "Bearer " + secret,
            "x-deno-sandbox-config",
            RawClient.config(config)));
  }

  private RawClient made(String config) throws IOException {
    RawClient client = create(token, config);
    assertThat(client.status()).as(client.body()).isEqualTo(101);
    return client.reading();
  }

  private void refused(String secret, int status, String code) throws IOException {
    try (RawClient client = create(secret, "{\"belljar\":{\"checkpoint\":\"warm\"}}")) {
      assertThat(client.status()).as(client.body()).isEqualTo(status);
      assertThat(client.body()).contains("\"" + code + "\"");
    }
  }

  private JsonNode post(String path, String body) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(server.endpoint() + path))
            .header("Authorization", "Bearer " + token)
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build();
    HttpResponse<String> response = HTTP.send(request, HttpResponse.BodyHandlers.ofString());
    assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
    return RawClient.JSON.readTree(response.body());
  }

  private static String read(RawClient client, String path) throws Exception {
    return client.ok("readTextFile", "{\"path\":\"" + path + "\"}").stringValue();
  }

  @Test
  void aForkGoesOnWithinTheLimitsOfItsOrganizationOnly() throws Exception {
    try (RawClient origin = made("{}")) {
      origin.ok("writeTextFile", "{\"path\":\"/tmp/note\",\"content\":\"before\"}");
      String path = "/api/v3/sandbox/" + origin.sandbox();
      post(path + "/pause", "{}");
      assertThat(
              origin
                  .call("readTextFile", "{\"path\":\"/tmp/note\"}")
                  .get("result")
                  .get("error")
                  .get("code")
                  .stringValue())
          .isEqualTo("SANDBOX_PAUSED");
      origin.ok("resume", "{}");
      JsonNode checkpoint = post(path + "/checkpoint", "{\"slug\":\"warm\"}");
      assertThat(checkpoint.get("memory").longValue()).isEqualTo(1280L << 20);
      origin.ok("writeTextFile", "{\"path\":\"/tmp/note\",\"content\":\"after\"}");

      try (RawClient fork = made("{\"memory_mb\":768,\"belljar\":{\"checkpoint\":\"warm\"}}")) {
        assertThat(read(fork, "/tmp/note")).isEqualTo("before");
        assertThat(read(origin, "/tmp/note")).isEqualTo("after");
        refused(token, 429, "SANDBOX_LIMIT_EXCEEDED");
        String other = server.store().tokens().create("others", "").secret();
        refused(other, 404, "STORAGE_NOT_FOUND");
        fork.ok("checkpoint", "{\"slug\":\"warmer\"}");
      }
    }
    try (RawClient fork = madeOnceThereIsRoom("{\"belljar\":{\"checkpoint\":\"warmer\"}}")) {
      assertThat(read(fork, "/tmp/note")).isEqualTo("before");
    }
    server.close();
    serve(2, 1024);
    refused(token, 400, "MEMORY_LIMIT_EXCEEDED");
  }

  /** Sandboxes whose sockets were closed are counted until they have ended. */
  private RawClient madeOnceThereIsRoom(String config) {
    return await()
        .until(
            () -> {
              RawClient client = create(token, config);
              return client.status() == 429 ? null : client;
            },
            client -> client != null)
        .reading();
  }
}
