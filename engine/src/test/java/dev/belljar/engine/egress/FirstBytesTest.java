package dev.belljar.engine.egress;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FirstBytesTest {

  /** Bytes of a client that says no more until it is answered. */
  private static GuestInput says(String text) {
    byte[] bytes = text.getBytes(ISO_8859_1);
    return new GuestInput(
        new InputStream() {
          private int at;

          @Override
          public int read() {
            if (at == bytes.length) {
              throw new AssertionError("more was read than it takes to tell");
            }
            return bytes[at++] & 0xff;
          }

          @Override
          public int read(byte[] target, int offset, int length) {
            target[offset] = (byte) read();
            return 1;
          }
        });
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "GET / HTTP/1.1\r",
        "\r\n\r\nGET / HTTP/1.1\r",
        "get /\n",
        "BREW /pot HTTP/1.1\r",
        "POST  /\r",
        "PRI * HTTP/2.0\r",
        "CONNECT a:1\r",
      })
  void whatAServerCouldTakeForHttpIsHttp(String text) throws IOException {
    assertThat(FirstBytes.of(says(text))).isEqualTo(FirstBytes.HTTP);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\0\0\0\u0008\u0004\u00d2\u0016/",
        "*1\r",
        "PING\r",
        "SSH-2.0-OpenSSH_10.0p2 Debian-7\r",
        "\u0010 ",
        "\u0015x",
        "\u00cc\0\0",
        "\u0081\0\u0001\u0007",
        "this-word-is-longer-than-any-method-could-be",
        "{\"op\": 1}\n",
      })
  void otherProtocolsAreToldWithoutWaiting(String text) throws IOException {
    assertThat(FirstBytes.of(says(text))).isEqualTo(FirstBytes.OTHER);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\u0016\u0003\u0001",
        "\u0016",
        // An alert, or something else that a server may skip, before the hello.
        "\u0015\u0003",
        "\u0014\u0003",
        "\u0017\u0003",
        // A hello in the form of version 2.
        "\u0080.\u0001\u0003\u0001",
        "\u0080.\u0001\0\u0002",
      })
  void tlsIsToldByItsFirstBytes(String text) throws IOException {
    assertThat(FirstBytes.of(says(text))).isEqualTo(FirstBytes.TLS);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 5000, 9000, 20_000})
  void everythingIsPutBack(int length) throws IOException {
    String text = "FOO /" + "x".repeat(length) + " HTTP/1.1\r\nHost: a\r\n\r\n";
    GuestInput in = new GuestInput(new ByteArrayInputStream(text.getBytes(ISO_8859_1)));
    assertThat(FirstBytes.of(in)).isEqualTo(FirstBytes.HTTP);
    assertThat(new String(in.readAllBytes(), ISO_8859_1)).isEqualTo(text);
  }

  @ParameterizedTest
  @ValueSource(strings = {""})
  void nothingIsNothing(String text) throws IOException {
    assertThat(FirstBytes.of(new GuestInput(new ByteArrayInputStream(text.getBytes(ISO_8859_1)))))
        .isEqualTo(FirstBytes.NOTHING);
  }
}
