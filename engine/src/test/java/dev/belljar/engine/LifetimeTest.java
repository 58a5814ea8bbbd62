package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The host's clock is set while sandboxes live. */
class LifetimeTest {
  private static final Duration MINUTE = Duration.ofMinutes(1);

  private Instant clock = Instant.parse("2026-01-02T03:04:05Z");
  private long ticks = Long.MAX_VALUE - MINUTE.toNanos() / 2;
  private final Lifetime lifetime = new Lifetime(() -> clock, () -> ticks);

  @Test
  void withoutAnEndItHasNone() {
    assertThat(lifetime.end()).isEqualTo(Instant.MAX);
    assertThat(lifetime.endsBefore(Duration.ofDays(365))).isFalse();
  }

  @Test
  void itsEndIsToldTheSameEachTime() {
    lifetime.endIn(MINUTE);
    Instant end = lifetime.end();
    assertThat(end).isEqualTo(clock.plus(MINUTE));
    for (int i = 0; i < 10; i++) {
      pass(Duration.ofMillis(5));
      ticks += 300_000;
      assertThat(lifetime.end()).isEqualTo(end);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"P1D", "-P1D", "P3650D", "-P3650D", "PT1H", "-PT1H"})
  void aClockThatJumpsMovesTheTimeToldAndNotTheEnd(Duration jump) {
    lifetime.endIn(MINUTE);
    pass(Duration.ofSeconds(20));
    clock = clock.plus(jump);
    assertThat(lifetime.end()).isEqualTo(clock.plusSeconds(40));
    assertThat(lifetime.endsBefore(Duration.ofSeconds(39))).isFalse();
    assertThat(lifetime.endsBefore(Duration.ofSeconds(41))).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"P1D", "-P1D"})
  void itIsExtendedAfterAJumpAsBeforeIt(Duration jump) {
    lifetime.endIn(MINUTE);
    clock = clock.plus(jump);
    assertThat(lifetime.endsBefore(MINUTE.multipliedBy(2))).isTrue();
    lifetime.endIn(MINUTE.multipliedBy(2));
    assertThat(lifetime.end()).isEqualTo(clock.plus(MINUTE.multipliedBy(2)));
  }

  private void pass(Duration time) {
    clock = clock.plus(time);
    ticks += time.toNanos();
  }
}
