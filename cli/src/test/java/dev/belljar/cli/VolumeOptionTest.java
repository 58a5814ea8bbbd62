package dev.belljar.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.belljar.InvalidOptionException;
import dev.belljar.SandboxOptions;
import java.io.IOException;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

class VolumeOptionTest {
  private static SandboxOptions options(String... words) throws IOException {
    return CommandLine.populateCommand(new NewSandbox(), words).options(Optional.empty()).build();
  }

  @Test
  void aRootAndVolumesReachTheSandbox() throws IOException {
    SandboxOptions options =
        options("--root", "tools", "--volume", "data:/data", "--volume=vol_loc_1:/srv/a:b/");

    assertThat(options.root()).contains("tools");
    assertThat(options.volumes())
        .containsEntry("/data", "data")
        .containsEntry("/srv/a:b", "vol_loc_1")
        .hasSize(2);
    assertThat(options().root()).isEmpty();
    assertThat(options().volumes()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "data", "data:", ":/data", "data:relative", "/data", "a/b"})
  void whatIsOfAnotherFormIsTaught(String text) {
    assertThatThrownBy(() -> VolumeOption.parse(text))
        .isInstanceOf(InvalidOptionException.class)
        .hasMessageContaining("--volume NAME:/path");
  }

  @ParameterizedTest
  @ValueSource(strings = {"data:/data:ro", "data:/data:rw"})
  void whetherAVolumeIsWritableIsNotSaid(String text) {
    assertThatThrownBy(() -> VolumeOption.parse(text))
        .isInstanceOf(InvalidOptionException.class)
        .hasMessageContainingAll(text, "always mounted writable", "snapshot", "--root");
  }
}
