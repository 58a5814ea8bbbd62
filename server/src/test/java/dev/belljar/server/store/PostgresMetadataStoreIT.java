package dev.belljar.server.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.sql.SQLException;
import java.time.Duration;
import java.util.Map;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class PostgresMetadataStoreIT extends MetadataStoreContract {
  private PostgresServer postgres;

  @BeforeAll
  void startServer() throws Exception {
    postgres = PostgresServer.start();
  }

  @AfterAll
  void stopServer() throws Exception {
    if (postgres != null) {
      postgres.close();
    }
  }

  @Override
  StoreConfig emptyDatabase() throws SQLException {
    return postgres.emptyDatabase();
  }

  @Test
  void commandsReachTheStoreThatAServerHasOpen() {
    CreatedToken created;
    try (MetadataStore command = MetadataStore.open(config())) {
      created = command.tokens().create("acme", "");
    }
    assertThat(store.tokens().find(created.secret())).contains(created.token());
  }

  @Test
  void wrongPasswordIsRefusedAndNotShown() {
    var wrong = new StoreConfig(config().jdbcUrl(), config().user(), "hunter2");

    assertThatExceptionOfType(StoreException.class)
        .isThrownBy(() -> MetadataStore.open(wrong))
        .withMessageContaining(config().where())
        .satisfies(e -> assertThat(e.getMessage()).doesNotContain("hunter2"));
  }

  @Test
  void storeWorksAgainAfterTheServerWasAway() throws Exception {
    store.sandboxes().insert(sandbox("sbx_1", "acme", NOON, Map.of("k", "v")));
    postgres.stop();
    try {
      assertThatExceptionOfType(StoreException.class)
          .isThrownBy(() -> store.sandboxes().countRunning("acme"))
          .withMessageContaining(config().where());
      assertThatExceptionOfType(StoreException.class)
          .isThrownBy(() -> MetadataStore.open(config()))
          .withMessageContaining(config().where());
    } finally {
      postgres.run();
    }

    Awaitility.await()
        .atMost(Duration.ofSeconds(30))
        .ignoreExceptionsInstanceOf(StoreException.class)
        .until(() -> store.sandboxes().countRunning("acme") == 1);
  }
}
