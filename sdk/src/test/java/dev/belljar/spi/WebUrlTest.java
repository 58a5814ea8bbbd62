package dev.belljar.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.net.URISyntaxException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class WebUrlTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = ' ',
      quoteCharacter = '\0',
      value = {
        "/?a=| /?a=%7C",
        "/?q={} /?q=%7B%7D",
        "/a|b /a%7Cb",
        "/a[b] /a%5Bb%5D",
        "/?a[b]=c /?a[b]=c",
        "/?q=` /?q=%60",
        "/?q=a^b /?q=a%5Eb",
        "/?a=%zz /?a=%25zz",
        "/%25%4 /%25%254",
        "/ü?q=ä|^\"{} /%C3%BC?q=%C3%A4%7C%5E%22%7B%7D",
        "/u\u0308 /u%CC%88",
        "/\uD83E\uDED9 /%F0%9F%AB%99",
        "/\uD83E /%EF%BF%BD",
        "/a'b?a'b /a'b?a%27b",
        "/a\\b?a\\b /a/b?a%5Cb",
        "/a/./b/../c/.. /a/",
        "/../a//b/%2E%2e/ /a//",
        "/a/..b/... /a/..b/...",
        "/?a?b#c#d /?a?b#c%23d",
        "/?a/../b /?a/../b",
        "? ?",
        "?a ?a",
      })
  void whatUriRefusesIsEncoded(String given, String expected) throws URISyntaxException {
    assertThat(WebUrl.parse("http://localhost:8000" + given))
        .hasToString("http://localhost:8000" + expected);
  }

  @Test
  void spacesAroundItAndLineBreaksWithinAreNoPartOfIt() throws URISyntaxException {
    assertThat(WebUrl.parse(" \nhttp://a/b c\td ")).hasToString("http://a/b%20cd");
  }

  @Test
  void referencesStayRelative() throws URISyntaxException {
    assertThat(WebUrl.parse("../a|b?c d")).hasToString("../a%7Cb?c%20d");
    assertThat(WebUrl.parse("//other/{}")).hasToString("//other/%7B%7D");
    assertThat(WebUrl.parse("")).hasToString("");
    assertThat(WebUrl.parse("file:///etc/passwd")).hasToString("file:///etc/passwd");
  }

  @ParameterizedTest
  @ValueSource(strings = {"::", "http://", "http://a:b@c:d e/"})
  void whatHasNoHostIsNoUrl(String text) {
    assertThatExceptionOfType(URISyntaxException.class).isThrownBy(() -> WebUrl.parse(text));
  }
}
