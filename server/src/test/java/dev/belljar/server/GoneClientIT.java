package dev.belljar.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.belljar.engine.LocalSandboxProvider;
import dev.belljar.server.rpc.HeapBudget;
import dev.belljar.server.rpc.SocketLimits;
import dev.belljar.server.store.SandboxRecord;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A client goes while its sandbox, with a real machine, is made. */
@Timeout(120)
class GoneClientIT {
  @TempDir private Path data;

  @Test
  void aClientThatGoesAtAnyMomentOfItsCreateLeavesNoSandbox() throws Exception {
    try (BelljarServer server =
        BelljarServer.start(
            ServerConfig.of(data).at("127.0.0.1", 0).with(TestServer.MANY),
            new LocalSandboxProvider(),
            new SocketLimits(
                new HeapBudget(64 << 20), Duration.ofSeconds(30), Duration.ofSeconds(2)))) {
      String token = server.firstToken().orElseThrow();
      URI at = URI.create(server.endpoint());
      for (int delay = 0; delay < 240; delay += 12) {
        try (Socket client = new Socket(at.getHost(), at.getPort())) {
          client.setSoLinger(delay % 24 == 0, 0); // half of them with a reset
          client
              .getOutputStream()
              .write(
                  """
                  GET /api/v3/sandboxes/create HTTP/1.1\r
                  Host: %s\r
                  Upgrade: websocket\r
                  Connection: Upgrade\r
                  Sec-WebSocket-Version: 13\r
                  Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
                  Authorization: Bearer %s\r
                  x-deno-sandbox-config: %s\r
                  \r
                  """
                      .formatted(at.getAuthority(), token, RawClient.config("{}"))
                      .getBytes(StandardCharsets.ISO_8859_1));
          TimeUnit.MILLISECONDS.sleep(delay);
        }
      }
      await()
          .atMost(Duration.ofMinutes(1))
          .untilAsserted(
              () -> {
                assertThat(server.store().sandboxes().countRunning("local")).isZero();
                assertThat(ProcessHandle.current().descendants()).isEmpty();
              });
      assertThat(
              server
                  .store()
                  .sandboxes()
                  .list("local", Map.of(), Optional.empty(), Optional.empty(), 100)
                  .sandboxes())
          .as("those that were made")
          .isNotEmpty()
          .allMatch(record -> record.status() == SandboxRecord.Status.STOPPED);
      try (RawClient next =
          RawClient.ask(
                  server.endpoint(),
                  "/api/v3/sandboxes/create",
                  Map.of(
                      "Authorization",
                      "Bearer " + token,
                      "x-deno-sandbox-config",
                      RawClient.config("{}")))
              .reading()) {
        next.ok("writeTextFile", "{\"path\":\"/tmp/f\",\"content\":\"x\"}");
      }
    }
  }
}
