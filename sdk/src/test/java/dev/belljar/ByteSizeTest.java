package dev.belljar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ByteSizeTest {

  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "1536, 1536",
    "12b, 12",
    "1KB, 1000",
    "1 kb, 1000",
    "2GB, 2000000000",
    "1TB, 1000000000000",
    "1k, 1024",
    "512m, 536870912",
    "2GiB, 2147483648",
    "2 gib, 2147483648",
    "1TiB, 1099511627776",
    "1.5GiB, 1610612736",
    "1.5 MB, 1500000",
    "'  768MiB  ', 805306368"
  })
  void readsWhatPeopleWrite(String text, long bytes) {
    assertThat(ByteSize.parse(text).bytes()).isEqualTo(bytes);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "", " ", "GiB", "-1", "+1", "1.GiB", ".5GiB", "1,5GiB", "1e9", "0x10", "1 2", "1XB"
      })
  void namesTextThatIsNoSize(String text) {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> ByteSize.parse(text))
        .withMessageContaining("'" + text + "'")
        .withMessageContaining("2GiB");
  }

  @Test
  void moreBytesThanThereAreAreRefused() {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> ByteSize.parse("999999999999999TiB"));
  }

  @Test
  void moreMebibytesThanThereAreAreRefused() {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> ByteSize.ofMebibytes(Long.MAX_VALUE));
  }

  @Test
  void aSizeIsNotNegative() {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> new ByteSize(-1))
        .withMessageContaining("-1");
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0 bytes",
    "1023, 1023 bytes",
    "1024, 1 KiB",
    "1610612736, 1.5 GiB",
    "1099511627776, 1 TiB",
    "1125899906842624, 1024 TiB"
  })
  void showsTheLargestUnitThatFits(long bytes, String text) {
    assertThat(new ByteSize(bytes)).hasToString(text);
  }
}
