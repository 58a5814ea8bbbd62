package dev.belljar.engine.vmm;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HostToolsTest {

  @ParameterizedTest
  @CsvSource({
    "7.2.22, 7.2, true",
    "7.2, 7.2, true",
    "9.0.0, 8.2, true",
    "10.0.0, 8.2, true",
    "8.1.5, 8.2, false",
    "5.2.0, 7.2, false",
    "7, 7.2, false",
    "unknown, 7.2, false",
    "99999999999.1, 7.2, false"
  })
  void versionsAreComparedByTheirNumbers(String version, String least, boolean expected) {
    assertThat(HostTools.isAtLeast(version, least)).isEqualTo(expected);
  }
}
