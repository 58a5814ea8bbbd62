package dev.belljar.engine.egress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.belljar.InvalidOptionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HostPatternTest {

  @ParameterizedTest
  @CsvSource({
    "example.com, example.com, true",
    "example.com, www.example.com, false",
    "example.com, example.co, false",
    "example.com, badexample.com, false",
    "example.com, example.com.evil.org, false",
    "EXAMPLE.Com, example.com, true",
    "' example.com ', example.com, true",
    "*.example.com, www.example.com, true",
    "*.example.com, a.b.example.com, true",
    "*.example.com, example.com, false",
    "*.example.com, badexample.com, false",
    "*.example.com, example.com.evil.org, false",
    "localhost, localhost, true",
    "my_host.example, my_host.example, true",
    "XN--bcher-kva.example, xn--bcher-kva.example, true",
    "0x7f.example, 0x7f.example, true",
    "192.0.2.1, 192.0.2.1, false"
  })
  void namesMatchByLabels(String pattern, String name, boolean matches) {
    assertThat(HostPattern.parse(pattern).matchesName(name)).isEqualTo(matches);
  }

  @ParameterizedTest
  @CsvSource({
    "192.0.2.1, 192.0.2.1, true",
    "192.0.2.1, 192.0.2.10, false",
    "[2001:db8::1], 2001:db8:0:0:0:0:0:1, true",
    "[2001:DB8:0::0001], 2001:db8:0:0:0:0:0:1, true",
    "[::1]:443, 0:0:0:0:0:0:0:1, true",
    "example.com, 192.0.2.1, false"
  })
  void addressesMatchByValue(String pattern, String address, boolean matches) {
    assertThat(HostPattern.parse(pattern).matchesAddress(address)).isEqualTo(matches);
  }

  @Test
  void aPortNarrowsAPatternToIt() {
    HostPattern one = HostPattern.parse("example.com:8443");
    assertThat(one.matchesPort(8443)).isTrue();
    assertThat(one.matchesPort(443)).isFalse();
    assertThat(HostPattern.parse("[2001:db8::1]:1").matchesPort(2)).isFalse();
    assertThat(HostPattern.parse("*.example.com:65535").matchesPort(65_535)).isTrue();
    assertThat(HostPattern.parse("example.com").matchesPort(1)).isTrue();
  }

  @ParameterizedTest
  @CsvSource({
    "a.example, a.example, true",
    "a.example, b.example, false",
    "a.example:80, a.example, true",
    "a.example:80, a.example:81, false",
    "*.example, a.example, true",
    "*.example, example, false",
    "*.example, *.a.example, true",
    "*.example, *.example:1, true",
    "*.a.example, *.b.example, false",
    "*.a.example, *.ba.example, false",
    "192.0.2.1, a.example, false"
  })
  void patternsOverlapWhereANameCouldMatchBoth(String one, String other, boolean overlap) {
    HostPattern first = HostPattern.parse(one);
    HostPattern second = HostPattern.parse(other);
    assertThat(first.overlaps(second)).isEqualTo(overlap);
    assertThat(second.overlaps(first)).isEqualTo(overlap);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "*",
        "*.",
        "*.*.example.com",
        "www.*.com",
        "*example.com",
        "ex*mple.com",
        "*.192.0.2.1",
        "https://example.com",
        "example.com/path",
        "example.com:",
        "example.com:0",
        "example.com:65536",
        "example.com:99999",
        "example.com:https",
        "example.com:443:1",
        "exa mple.com",
        "-example.com",
        "example-.com",
        "a..b",
        ".example.com",
        "256.0.0.1",
        "1.2.3",
        "2130706433",
        "example.123",
        "192.0.2.1.1",
        "2001:db8::1",
        "[2001:db8::1",
        "[2001:db8:::1]",
        "[192.0.2.1]",
        "[]",
        "user@example.com",
        "0.0.0.0/0"
      })
  void whatCannotBeAPatternIsNamedWithTheFormsThatCan(String text) {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> HostPattern.parse(text))
        .withMessageContaining("'" + text + "'")
        .withMessageContaining("*.example.com");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "0x7f.0.0.0x1",
        "0X7F.1",
        "0x7f000001",
        "0x",
        "a.0x1",
        "*.0x1:443",
        "017700000001",
        "0177.0.0.1",
        "010.0.0.1",
        "127.0.0.01",
        "127.1",
        "2130706433:80",
        "host.123"
      })
  void whatCLibrariesTakeForAnAddressIsAskedForInDottedForm(String text) {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> HostPattern.parse(text))
        .withMessageContaining("'" + text + "'")
        .withMessageContaining("four decimal numbers");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "１２７.０.０.１",
        "１２７.0.0.1:80",
        "127。0。0。1",
        "bücher.example",
        "straße.example",
        "*.BÜCHER.example:443",
        "exаmple.com", // a Cyrillic letter
        "\u212Aelvin.example" // whose lower case is ASCII
      })
  void namesInOtherScriptsAreAskedForInAscii(String text) {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> HostPattern.parse(text))
        .withMessageContaining("'" + text + "'")
        .withMessageContaining("punycode");
  }

  @Test
  void labelsAndNamesHaveTheLengthsOfTheDomainNameSystem() {
    assertThat(HostPattern.parse("a".repeat(63) + ".example").host()).hasSize(71);
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> HostPattern.parse("a".repeat(64) + ".example"));
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> HostPattern.parse("a.".repeat(127) + "aa"));
  }
}
