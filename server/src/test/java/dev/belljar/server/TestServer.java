package dev.belljar.server;

import dev.belljar.EgressLimits;
import dev.belljar.server.rpc.HeapBudget;
import dev.belljar.server.rpc.SocketLimits;
import dev.belljar.server.sandboxes.Limits;
import dev.belljar.spi.Tenant;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** A real server over fake sandboxes, on a port of loopback. */
final class TestServer implements AutoCloseable {
  static final Limits MANY = new Limits(1000, 4096, Duration.ofMinutes(30), EgressLimits.DEFAULT);
  private static final HttpClient HTTP = HttpClient.newHttpClient();

  private final FakeSandboxes sandboxes = new FakeSandboxes();
  private final HeapBudget heap;
  private final BelljarServer server;
  private final String token;
  private final Path data;

  TestServer(Path data, Duration patience) {
    this(ServerConfig.of(data).at("127.0.0.1", 0).with(MANY), patience);
  }

  TestServer(ServerConfig config, Duration patience) {
    this(config, patience, new HeapBudget(256 << 20));
  }

  TestServer(ServerConfig config, Duration patience, HeapBudget heap) {
    this.heap = heap;
    data = config.data();
    server =
        BelljarServer.start(
            config, sandboxes, new SocketLimits(heap, patience, Duration.ofSeconds(2)));
    token = server.firstToken().orElseGet(() -> token("local"));
  }

  BelljarServer server() {
    return server;
  }

  FakeSandboxes sandboxes() {
    return sandboxes;
  }

  HeapBudget heap() {
    return heap;
  }

  String token() {
    return token;
  }

  /** The volumes and snapshots of an organization. */
  FakeStorage storage(String organization) {
    return sandboxes.storageOf(
        new Tenant(organization, Optional.of(data.toAbsolutePath().resolve("storage"))));
  }

  /** A token of an organization. */
  String token(String organization) {
    return server.store().tokens().create(organization, "").secret();
  }

  /** Asks for a sandbox with that configuration, empty for none. */
  RawClient create(String secret, String config) throws IOException {
    Map<String, String> headers = new HashMap<>(Map.of("Authorization", "Bearer " + secret));
    if (!config.isEmpty()) {
      headers.put("x-deno-sandbox-config", RawClient.config(config));
    }
    return RawClient.ask(server.endpoint(), "/api/v3/sandboxes/create", headers);
  }

  /** A sandbox of the default token, read from. */
  RawClient create() throws IOException {
    return create(token, "").reading();
  }

  RawClient connect(String secret, String id) throws IOException {
    return RawClient.ask(
        server.endpoint(),
        "/api/v3/sandbox/" + id + "/connect",
        Map.of("Authorization", "Bearer " + secret));
  }

  FakeSandbox of(RawClient client) {
    return sandboxes.of(client.sandbox());
  }

  HttpResponse<String> http(String method, String path, String secret, String body)
      throws IOException, InterruptedException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(server.endpoint() + path))
            .timeout(Duration.ofSeconds(30))
            .method(
                method, body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
    if (!secret.isEmpty()) {
      request.header("Authorization", "Bearer " + secret);
    }
    return HTTP.send(request.build(), BodyHandlers.ofString());
  }

  @Override
  public void close() {
    server.close();
  }
}
