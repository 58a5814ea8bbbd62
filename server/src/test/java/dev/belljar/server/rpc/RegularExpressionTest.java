package dev.belljar.server.rpc;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RegularExpressionTest {

  @ParameterizedTest
  @CsvSource(
      delimiter = ' ',
      value = {
        "^a[^]b$ '' 'a\nb' true",
        "^a[^]*$ '' abc true",
        "a[] '' a false",
        "a|[] '' a true",
        "[]a] '' a] false",
        "^[[]$ '' [ true",
        "^[a&&b]$ '' & true",
        "^[\\]x]$ '' ] true",
        "\\[^] '' [^] false",
        "a$ '' 'a\n' false",
        "[$]b '' $b true",
        "A i a true",
        "a g a true"
      })
  void itMatchesWhatItMatchesInJavaScript(
      String source, String flags, String text, boolean matches) {
    assertThat(RegularExpression.compile(source, flags).matcher(text).find()).isEqualTo(matches);
  }

  @Test
  void flagsThatAreNotKnownOrDependOnEarlierMatchesAreNot() {
    assertThat(RegularExpression.knows("dgimsuv")).isTrue();
    assertThat(RegularExpression.knows("y")).isFalse();
    assertThat(RegularExpression.knows("x")).isFalse();
  }
}
