package dev.belljar.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.belljar.InvalidOptionException;
import dev.belljar.SandboxOptions;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SecretOptionTest {
  @Test
  void theValueComesFromTheEnvironment() {
    SandboxOptions.Builder options = SandboxOptions.builder().local();
    SecretOption.parse("API_KEY@api.example.com,*.b.example:8443=MINE")
        .addTo(options, Map.of("MINE", "the value"));
    assertThat(java.util.Objects.requireNonNull(options.build().secrets().get("API_KEY")).hosts())
        .isEqualTo(List.of("api.example.com", "*.b.example:8443"));
  }

  @Test
  void aVariableThatIsNotSetIsAnError() {
    SecretOption option = SecretOption.parse("API_KEY@api.example.com=sk_live_by_mistake");
    assertThatThrownBy(() -> option.addTo(SandboxOptions.builder(), Map.of()))
        .isInstanceOf(InvalidOptionException.class)
        .hasMessageContaining("API_KEY")
        .hasMessageNotContaining("sk_live");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "API_KEY", "API_KEY=X", "@host=X", "K@host", "K@=X", "K@host=sk-live-value"})
  void whatIsOfAnotherFormIsNotRepeated(String text) {
    assertThatThrownBy(() -> SecretOption.parse(text))
        .isInstanceOf(InvalidOptionException.class)
        .hasMessageContaining("NAME@HOST[,HOST]=VARIABLE")
        .hasMessageNotContaining("sk-live");
  }
}
