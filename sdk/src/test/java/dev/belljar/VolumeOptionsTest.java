package dev.belljar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class VolumeOptionsTest {
  private static final ByteSize SIZE = ByteSize.parse("1GB");

  @ParameterizedTest
  @ValueSource(
      strings = {"", "-", "-a", "a-", "A", "a_b", "a b", "a/b", "../a", "a.b", "ä", "a\n", "a\0"})
  void whatCannotBeANameIsRefusedWithTheForm(String slug) {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> VolumeOptions.of(slug, SIZE))
        .withMessageContaining("1 to 63 lower-case letters");
  }

  @ParameterizedTest
  @ValueSource(ints = {64, 100_000})
  void aNameThatIsTooLongIsRefusedAndNotRepeated(int length) {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> VolumeOptions.of("x".repeat(length), SIZE))
        .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(250));
  }

  @ParameterizedTest
  @ValueSource(strings = {"a", "0", "a-b", "1-2-3", "a--b"})
  void whatCanBeANameIsTaken(String slug) {
    assertThat(VolumeOptions.of(slug, SIZE).slug()).isEqualTo(slug);
    assertThat(VolumeOptions.of("x".repeat(63), SIZE).slug()).hasSize(63);
  }
}
