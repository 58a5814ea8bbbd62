package dev.belljar.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.belljar.InvalidOptionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LanguageTest {
  @ParameterizedTest
  @CsvSource({
    "a.ts, DENO",
    "a.js, NODE",
    "a.mjs, NODE",
    "a.py, PYTHON",
    "a.sh, BASH",
    "A.B.PY, PYTHON",
  })
  void theExtensionTells(String file, Language language) {
    assertThat(Language.ofFile(file)).isEqualTo(language);
  }

  @ParameterizedTest
  @ValueSource(strings = {"Makefile", "a.rb", "py", ".", "a."})
  void otherNamesDoNotTell(String file) {
    assertThatThrownBy(() -> Language.ofFile(file))
        .isInstanceOf(InvalidOptionException.class)
        .hasMessageContaining("--lang");
  }

  @ParameterizedTest
  @CsvSource({
    "ts, DENO",
    "deno, DENO",
    "js, NODE",
    "node, NODE",
    "PY, PYTHON",
    "python, PYTHON",
    "sh, BASH",
    "bash, BASH",
  })
  void languagesHaveSeveralNames(String name, Language language) {
    assertThat(Language.named(name)).isEqualTo(language);
  }

  @Test
  void aScriptWithoutANameGetsOneThatItsInterpreterUnderstands() {
    assertThat(Language.scriptName("mjs")).isEqualTo("stdin.mjs");
    assertThat(Language.scriptName("deno")).isEqualTo("stdin.ts");
    assertThat(Language.scriptName("node")).isEqualTo("stdin.js");
    assertThat(Language.scriptName("python")).isEqualTo("stdin.py");
  }
}
