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
    "bücher.example, xn--bcher-kva.example, true",
    "BÜCHER.example, xn--bcher-kva.example, true",
    "*.bücher.example, www.xn--bcher-kva.example, true",
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

  @Test
  void labelsAndNamesHaveTheLengthsOfTheDomainNameSystem() {
    assertThat(HostPattern.parse("a".repeat(63) + ".example").host()).hasSize(71);
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> HostPattern.parse("a".repeat(64) + ".example"));
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> HostPattern.parse("a.".repeat(127) + "aa"));
  }
}
