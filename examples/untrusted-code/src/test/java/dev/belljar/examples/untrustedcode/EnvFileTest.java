package dev.belljar.examples.untrustedcode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

class EnvFileTest {
  @Test
  void readsAssignmentsCommentsAndQuotes() throws IOException {
    List<String> lines =
        List.of(
            "# a comment",
            "",
            "PLAIN=value",
            "  export EXPORTED = spaced out  ",
            "COMMENTED=value # not this",
            "HASH=a#b",
            "SINGLE='a # \"b\" \\n'",
            "DOUBLE=\"a\\nb \\\"c\\\"\" # not this",
            "EMPTY=",
            "URL=https://x/?a=b");

    assertThat(EnvFile.parse(lines, ".env"))
        .containsExactly(
            entry("PLAIN", "value"),
            entry("EXPORTED", "spaced out"),
            entry("COMMENTED", "value"),
            entry("HASH", "a#b"),
            entry("SINGLE", "a # \"b\" \\n"),
            entry("DOUBLE", "a\nb \"c\""),
            entry("EMPTY", ""),
            entry("URL", "https://x/?a=b"));
  }

  @Test
  void aLineThatIsNoneIsNamedByItsNumberOnly() {
    assertThatThrownBy(() -> EnvFile.parse(List.of("A=1", "sk-secret"), ".env"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(".env, line 2")
        .hasMessageNotContaining("sk-secret");
  }
}
