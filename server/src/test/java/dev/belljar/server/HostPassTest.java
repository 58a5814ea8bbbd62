package dev.belljar.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.server.tokens.HostPass;
import dev.belljar.server.tokens.ServerOfUser;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What the commands of this host's user get in by. */
@Timeout(60)
class HostPassTest {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  @TempDir Path data;

  private Optional<ServerOfUser> find() {
    return ServerOfUser.find(data, PATIENCE);
  }

  @Test
  void itIsAsGoodAsATokenOfTheOrganizationLocalAndCountsAsNone() throws Exception {
    try (TestServer server = new TestServer(data, PATIENCE)) {
      assertThat(find()).as("not before it is offered").isEmpty();
      assertThat(server.server().offerToThisHost()).isTrue();
      ServerOfUser found = find().orElseThrow();
      assertThat(found.url()).isEqualTo(server.server().endpoint());
      assertThat(server.server().store().tokens().count()).isEqualTo(1);

      try (RawClient made = server.create(found.pass(), "").reading()) {
        assertThat(server.http("GET", "/api/v2/sandboxes", server.token(), "").body())
            .as("the first token is of the same organization")
            .contains(made.sandbox());
        assertThat(server.http("GET", "/api/v2/sandboxes", server.token("acme"), "").body())
            .doesNotContain(made.sandbox());
      }
      assertThat(server.http("GET", "/api/v2/sandboxes", found.pass(), "").statusCode())
          .isEqualTo(200);
      assertThat(server.http("GET", "/api/v2/sandboxes", found.pass() + "x", "").statusCode())
          .isEqualTo(401);
      assertThat(server.server().store().tokens().list().toString())
          .doesNotContain(found.pass())
          .doesNotContain(HostPass.ID);
      assertThat(server.server().store().tokens().revoke(HostPass.ID)).isFalse();
    }
  }

  @Test
  void itEndsWithItsServer() throws Exception {
    String old;
    try (TestServer server = new TestServer(data, PATIENCE)) {
      server.server().offerToThisHost();
      old = find().orElseThrow().pass();
    }
    assertThat(find()).isEmpty();
    try (TestServer server = new TestServer(data, PATIENCE)) {
      server.server().offerToThisHost();
      assertThat(find().orElseThrow().pass()).isNotEqualTo(old);
      assertThat(server.http("GET", "/api/v2/sandboxes", old, "").statusCode()).isEqualTo(401);
    }
  }

  @Test
  void itIsNotOfferedWhereTheServerListensForOthers() {
    try (TestServer server = new TestServer(data, PATIENCE)) {
      assertThat(server.server().offerToThisHost()).isTrue();
    }
    // There is a token by now.
    ServerConfig open = ServerConfig.of(data).at("0.0.0.0", 0);
    try (TestServer server = new TestServer(open, PATIENCE)) {
      assertThat(server.server().offerToThisHost()).isFalse();
      assertThat(find()).isEmpty();
    }
  }
}
