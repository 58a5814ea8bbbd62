package dev.belljar.examples.untrustedcode;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ExtractCodeTest {
  @ParameterizedTest
  @ValueSource(strings = {"typescript", "ts", "javascript", "js", ""})
  void takesWhatStandsBetweenTheFirstFences(String language) {
    String reply = "Here it is:\n```" + language + "\nlet a = 1;\nlet b = 2;\n```\n";

    assertThat(UntrustedCode.extractCode(reply)).isEqualTo("let a = 1;\nlet b = 2;\n");
  }

  @Test
  void takesTheFirstOfSeveralBlocks() {
    assertThat(UntrustedCode.extractCode("```ts\nfirst\n```\n```ts\nsecond\n```"))
        .isEqualTo("first\n");
  }

  @Test
  void takesRawTextWithoutFences() {
    assertThat(UntrustedCode.extractCode("console.log(1)")).isEqualTo("console.log(1)");
    assertThat(UntrustedCode.extractCode("```ts\nnever closed")).isEqualTo("```ts\nnever closed");
  }

  @Test
  void passesOverABlockOfAnotherLanguageAsTheOriginalDoes() {
    assertThat(UntrustedCode.extractCode("```python\nprint(1)\n```"))
        .isEqualTo("```python\nprint(1)\n```");
  }

  @Test
  void theRecordedReplyHoldsAScript() {
    assertThat(UntrustedCode.extractCode(RecordedReply.text()))
        .startsWith("// bitcoin_price.ts")
        .contains("https://api.coingecko.com/api/v3/simple/price")
        .doesNotContain("```");
  }
}
