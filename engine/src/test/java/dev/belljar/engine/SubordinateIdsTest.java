package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.belljar.SandboxUnavailableException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SubordinateIdsTest {
  @TempDir Path etc;

  @Test
  void aUserWithAnEntryInBothFilesHasThem() throws IOException {
    Path users = Files.writeString(etc.resolve("subuid"), "bob:1:2\nann:100000:65536\n");
    Path groups = Files.writeString(etc.resolve("subgid"), "ann:100000:65536\n");
    SubordinateIds ids = SubordinateIds.of("ann", users, groups);
    assertThat(ids.missing()).isEmpty();
    assertThat(ids.fix()).isEmpty();
  }

  @Test
  void aUserWithoutIsToldTheCommand() throws IOException {
    Path users = Files.writeString(etc.resolve("subuid"), "annabel:100000:65536\n");
    Path groups = etc.resolve("subgid");
    SubordinateIds ids = SubordinateIds.of("ann", users, groups);
    assertThat(ids.missing()).containsExactly(users.toString(), groups.toString());
    assertThat(ids.fix())
        .isEqualTo("sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ann");
    assertThatExceptionOfType(SandboxUnavailableException.class)
        .isThrownBy(() -> ids.provide(false, step -> {}))
        .withMessageContaining(ids.fix());
  }
}
