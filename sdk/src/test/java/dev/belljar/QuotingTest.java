package dev.belljar;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@link SandboxCommand#quote} before a real shell. */
class QuotingTest {

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "plain",
        "two words",
        "it's",
        "'",
        "''",
        "a'b'c",
        "\\",
        "\"",
        "$HOME",
        "`id`",
        "$(id)",
        "a\nb",
        "\t",
        "!x",
        "*",
        "~",
        "-n",
        ";rm -rf /",
        "ünïcode 🫙"
      })
  void aShellReadsQuotedTextAsOneWord(String word) throws Exception {
    Process shell =
        new ProcessBuilder("/bin/sh", "-c", "printf '%s|' " + SandboxCommand.quote(word)).start();
    shell.getOutputStream().close();
    String said = new String(shell.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(said).isEqualTo(word + "|");
  }
}
