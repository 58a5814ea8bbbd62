package dev.belljar.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class BoundedCaptureTest {
  @Test
  void keepsTheFirstBytesAndSaysThatThereWereMore() throws Exception {
    var capture = new BoundedCapture(4);

    capture.write(new byte[] {'a', 'b', 'c'});
    assertThat(capture.truncated()).isFalse();
    capture.write(new byte[] {'d', 'e', 'f'});

    assertThat(capture.bytes()).asString().isEqualTo("abcd");
    assertThat(capture.truncated()).isTrue();
  }
}
