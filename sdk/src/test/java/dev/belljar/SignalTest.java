package dev.belljar;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class SignalTest {

  @ParameterizedTest
  @EnumSource
  void isFoundByItsNumber(Signal signal) {
    assertThat(Signal.of(signal.number())).contains(signal);
  }

  @Test
  void numbersAreThoseOfLinux() {
    assertThat(Signal.values()).extracting(Signal::number).hasSize(31).doesNotHaveDuplicates();
    assertThat(Signal.SIGUSR1.number()).isEqualTo(10);
    assertThat(Signal.SIGCHLD.number()).isEqualTo(17);
    assertThat(Signal.SIGSYS.number()).isEqualTo(31);
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 0, 32, 64, 1000})
  void numbersThatAreNoSignalGiveNone(int number) {
    assertThat(Signal.of(number)).isEmpty();
  }
}
