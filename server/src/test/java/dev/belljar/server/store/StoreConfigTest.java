package dev.belljar.server.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.belljar.InvalidOptionException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class StoreConfigTest {

  @Test
  void passwordIsNeverShown() {
    var apart = new StoreConfig("jdbc:postgresql://db/belljar", "belljar", "hunter2");
    var inUrl = new StoreConfig("jdbc:postgresql://db/belljar?password=hunter2", "belljar", "");

    assertThat(apart.toString()).contains("//db/belljar", "user=belljar").doesNotContain("hunter2");
    assertThat(inUrl.toString()).contains("//db/belljar").doesNotContain("hunter2");
  }

  @Test
  void embeddedDatabaseIsNamedByItsDirectory() {
    assertThat(StoreConfig.embedded(Path.of("/srv/data/../belljar")).toString())
        .isEqualTo("StoreConfig[jdbc:h2:async:/srv/belljar/metadata/metadata, user=belljar]");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "jdbc:h2:mem:x", "jdbc:h2:tcp://x/y", "jdbc:mysql://x", "postgresql://x/y"})
  void otherDatabasesAreRefused(String url) {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> new StoreConfig(url, "x", "y"))
        .withMessageContaining("jdbc:postgresql:");
  }
}
