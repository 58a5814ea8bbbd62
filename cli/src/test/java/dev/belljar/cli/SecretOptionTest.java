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
    SecretOption.addAll(
        List.of("API_KEY@api.example.com,*.b.example:8443=MINE"),
        List.of(),
        options,
        Map.of("MINE", "the value"));
    assertThat(java.util.Objects.requireNonNull(options.build().secrets().get("API_KEY")).hosts())
        .isEqualTo(List.of("api.example.com", "*.b.example:8443"));
  }

  @Test
  void aVariableThatIsNotSetIsAnError() {
    assertThatThrownBy(
            () ->
                SecretOption.addAll(
                    List.of("API_KEY@api.example.com=sk_live_by_mistake"),
                    List.of(),
                    SandboxOptions.builder(),
                    Map.of()))
        .isInstanceOf(InvalidOptionException.class)
        .hasMessageContaining("API_KEY")
        .hasMessageNotContaining("sk_live");
  }

  @Test
  void thoseThatAreNamedGoIntoBodies() {
    SandboxOptions.Builder options = SandboxOptions.builder().local();
    SecretOption.addAll(
        List.of("A@a.example=V", "B@b.example=V"), List.of("B"), options, Map.of("V", "value"));
    assertThat(options.build().secrets())
        .hasEntrySatisfying("A", secret -> assertThat(secret.inBody()).isFalse())
        .hasEntrySatisfying("B", secret -> assertThat(secret.inBody()).isTrue());
  }

  @Test
  void oneNameHasOneSecret() {
    assertThatThrownBy(
            () ->
                SecretOption.addAll(
                    List.of("K@x.example=V", "K@y.example=V"),
                    List.of(),
                    SandboxOptions.builder(),
                    Map.of("V", "value")))
        .isInstanceOf(InvalidOptionException.class)
        .hasMessageContaining("--secret K is there twice")
        .hasMessageContaining("NAME@a.example.com,b.example.com=VARIABLE");
  }

  @Test
  void whatIsNoSecretGoesIntoNoBody() {
    assertThatThrownBy(
            () ->
                SecretOption.addAll(
                    List.of("K@x.example=V"),
                    List.of("K", "L"),
                    SandboxOptions.builder(),
                    Map.of("V", "value")))
        .isInstanceOf(InvalidOptionException.class)
        .hasMessageContaining("--secret-in-body L");
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
