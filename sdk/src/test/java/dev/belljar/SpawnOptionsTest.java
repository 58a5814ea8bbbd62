package dev.belljar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.belljar.SpawnOptions.Stdio;
import dev.belljar.SpawnOptions.TerminalSize;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SpawnOptionsTest {

  @Test
  void theDefaultsAreThoseOfTheDocumentation() {
    SpawnOptions options = SpawnOptions.builder().build();
    assertThat(options.stdin()).isEqualTo(Stdio.NULL);
    assertThat(options.stdout()).isEqualTo(Stdio.INHERIT);
    assertThat(options.stderr()).isEqualTo(Stdio.INHERIT);
    assertThat(options.user()).isEqualTo("app");
    assertThat(options.cwd()).isEmpty();
    assertThat(options.terminal()).isEmpty();
    assertThat(options.clearEnv()).isFalse();
  }

  @Test
  void argumentsAddUpInOrder() {
    assertThat(SpawnOptions.builder().args("a", "b").args("c").build().args())
        .containsExactly("a", "b", "c");
  }

  @Test
  void anArgumentWithNulIsRefused() {
    refused(builder -> builder.args("a", "b\0c"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "A=B", "A\0"})
  void aNameThatNoVariableCanHaveIsRefused(String name) {
    refused(builder -> builder.env(name, "x"));
  }

  @Test
  void stdinCannotBeInherited() {
    refused(builder -> builder.stdin(Stdio.INHERIT));
  }

  @Test
  void aTerminalPipesInputAndOutput() {
    SpawnOptions options = SpawnOptions.builder().terminal(24, 80).build();
    assertThat(options.terminal()).contains(new TerminalSize(24, 80));
    assertThat(options.stdin()).isEqualTo(Stdio.PIPED);
    assertThat(options.stdout()).isEqualTo(Stdio.PIPED);
  }

  @Test
  void aTerminalNeedsItsInputAndOutputPiped() {
    refused(builder -> builder.terminal(24, 80).stdin(Stdio.NULL));
    refused(builder -> builder.terminal(24, 80).stdout(Stdio.NULL));
  }

  @ParameterizedTest
  @CsvSource({"0, 80", "24, 0", "-1, 80", "65536, 80", "24, 65536"})
  void aTerminalHasBounds(int rows, int columns) {
    refused(builder -> builder.terminal(rows, columns));
  }

  private static void refused(UnaryOperator<SpawnOptions.Builder> options) {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> options.apply(SpawnOptions.builder()).build());
  }
}
