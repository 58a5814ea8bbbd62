package dev.belljar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EgressLimitsTest {
  @Test
  void whatIsNotNamedStaysAsItIs() {
    assertThat(EgressLimits.parse("connections=50"))
        .isEqualTo(
            new EgressLimits(
                50,
                EgressLimits.DEFAULT.perSecond(),
                Optional.empty(),
                EgressLimits.DEFAULT.idle()));
  }

  @Test
  void allOfItIsRead() {
    EgressLimits limits = EgressLimits.parse("idle=30s, bytes=100MB,per-second=10,connections=1");
    assertThat(limits)
        .isEqualTo(
            new EgressLimits(
                1, 10, Optional.of(new ByteSize(100_000_000)), Duration.ofSeconds(30)));
    assertThat(EgressLimits.parse(limits.toString())).isEqualTo(limits);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "connections",
        "connections=",
        "connections=x",
        "connections=0",
        "connections=501",
        "connections=5,connections=5",
        "per-second=10001",
        "bytes=0",
        "bytes=-1",
        "idle=0s",
        "idle=25h",
        "idle=5",
        "speed=5",
        "connections=5,"
      })
  void whatIsWrongIsNamed(String text) {
    assertThatThrownBy(() -> EgressLimits.parse(text)).isInstanceOf(InvalidOptionException.class);
  }

  @Test
  void theStricterOfTwoCounts() {
    assertThat(
            EgressLimits.parse("connections=5,bytes=10")
                .within(EgressLimits.parse("idle=1s,bytes=20")))
        .isEqualTo(EgressLimits.parse("connections=5,bytes=10,idle=1s"));
    assertThat(EgressLimits.parse("connections=5").within(EgressLimits.parse("bytes=20")))
        .isEqualTo(EgressLimits.parse("connections=5,bytes=20"));
  }
}
