package dev.belljar.server.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.belljar.EgressLimits;
import dev.belljar.Endpoint;
import dev.belljar.InvalidTokenException;
import dev.belljar.Sandbox;
import dev.belljar.SandboxClosedException;
import dev.belljar.SandboxOptions;
import dev.belljar.SandboxUnavailableException;
import dev.belljar.Storage;
import dev.belljar.engine.LocalSandboxProvider;
import dev.belljar.server.BelljarServer;
import dev.belljar.server.ServerConfig;
import dev.belljar.server.sandboxes.Limits;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** A sandbox of a server, over the protocol. */
@SuppressWarnings("NullAway.Init") // by start, before the first test
class RemoteSandboxIT extends SandboxContract {
  private BelljarServer server;
  private Endpoint endpoint;

  @Override
  void start(Path data) {
    server =
        BelljarServer.start(
            ServerConfig.of(data)
                .at("127.0.0.1", 0)
                .with(new Limits(3, 4096, Duration.ofMinutes(30), EgressLimits.DEFAULT)),
            new LocalSandboxProvider());
    endpoint = Endpoint.of(server.endpoint(), server.firstToken().orElseThrow());
  }

  @Override
  void stop() {
    server.close();
  }

  @Override
  Sandbox make(SandboxOptions.Builder options) {
    return Sandbox.create(options.endpoint(endpoint).build());
  }

  @Override
  Storage storage() {
    return Storage.at(endpoint);
  }

  @Test
  void sessionEndsWithItsSocket() {
    Sandbox sandbox = make(SandboxOptions.builder().label("test", "session"));
    assertThat(Sandbox.list(endpoint, Map.of("test", "session")))
        .singleElement()
        .satisfies(info -> assertThat(info.status()).isEqualTo("running"));
    sandbox.close();
    await()
        .untilAsserted(
            () ->
                assertThat(Sandbox.list(endpoint, Map.of("test", "session")))
                    .singleElement()
                    .satisfies(info -> assertThat(info.stoppedAt()).isPresent()));
    assertThatThrownBy(() -> Sandbox.connect(sandbox.id(), endpoint))
        .isInstanceOf(SandboxClosedException.class);
  }

  @Test
  void sandboxWithALifetimeIsThereForTheNextConnection() {
    String id;
    try (Sandbox sandbox =
        make(SandboxOptions.builder().label("a", "b").timeout(Duration.ofMinutes(2)))) {
      id = sandbox.id();
      sandbox.fs().writeTextFile("/tmp/left", "here");
    }
    try (Sandbox first = Sandbox.connect(id, endpoint);
        Sandbox second = Sandbox.connect(id, endpoint)) {
      assertThat(first.fs().readTextFile("/tmp/left")).isEqualTo("here");
      assertThat(first.labels()).containsEntry("a", "b");
      second.env().set("SHARED", "1");
      assertThat(first.env().get("SHARED")).contains("1");
      Instant until = first.extendTimeout(Duration.ofMinutes(10));
      assertThat(until).isAfter(Instant.now().plusSeconds(500));
      assertThat(second.stopAt()).isCloseTo(until, within());
      second.kill();
      assertThat(first.awaitEnd()).contains("1000");
      assertThatThrownBy(() -> first.fs().exists("/")).isInstanceOf(SandboxClosedException.class);
    }
  }

  @Test
  void wrongTokenIsSaidSo() {
    Endpoint wrong = Endpoint.of(server.endpoint(), "ddo_wrongwrongwrong");
    assertThatThrownBy(() -> Sandbox.create(SandboxOptions.builder().endpoint(wrong).build()))
        .isInstanceOf(InvalidTokenException.class)
        .hasMessageNotContaining("ddo_wrong")
        .hasMessageContaining("trace id");
    assertThatThrownBy(() -> Sandbox.list(wrong, Map.of()))
        .isInstanceOf(InvalidTokenException.class);
  }

  @Test
  void moreSandboxesThanTheLimitAreRefused() {
    try (Sandbox second = make(SandboxOptions.builder());
        Sandbox third = make(SandboxOptions.builder())) {
      assertThat(second.id()).isNotEqualTo(third.id());
      assertThatThrownBy(() -> make(SandboxOptions.builder()))
          .isInstanceOf(SandboxUnavailableException.class);
    }
  }

  private static org.assertj.core.data.TemporalUnitOffset within() {
    return new org.assertj.core.data.TemporalUnitWithinOffset(
        1, java.time.temporal.ChronoUnit.SECONDS);
  }
}
