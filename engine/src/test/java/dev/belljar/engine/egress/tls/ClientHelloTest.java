package dev.belljar.engine.egress.tls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SNIServerName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import org.junit.jupiter.api.Test;

/** What real clients say first, whole, in pieces and damaged. */
class ClientHelloTest {

  /** As the JDK's client says it. */
  static byte[] hello(List<SNIServerName> names) throws Exception {
    SSLEngine engine = SSLContext.getDefault().createSSLEngine();
    engine.setUseClientMode(true);
    SSLParameters parameters = engine.getSSLParameters();
    parameters.setServerNames(names);
    engine.setSSLParameters(parameters);
    engine.beginHandshake();
    ByteBuffer out = ByteBuffer.allocate(32 << 10);
    engine.wrap(ByteBuffer.allocate(0), out);
    return Arrays.copyOf(out.array(), out.position());
  }

  private static ClientHello read(byte[] bytes) throws IOException {
    return ClientHello.read(new ByteArrayInputStream(bytes)).hello();
  }

  /** The same message in records of that many bytes. */
  private static byte[] inRecords(byte[] hello, int size) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (int at = 5; at < hello.length; at += size) {
      int length = Math.min(size, hello.length - at);
      out.writeBytes(new byte[] {22, 3, 1, (byte) (length >> 8), (byte) length});
      out.write(hello, at, length);
    }
    return out.toByteArray();
  }

  @Test
  void theNameIsFoundHoweverItIsCut() throws Exception {
    byte[] hello = hello(List.of(new SNIHostName("Api.Example.com")));
    assertThat(read(hello).serverName()).contains("api.example.com");
    assertThat(read(hello).encrypted()).isFalse();
    for (int size : new int[] {7, 16, 100, hello.length}) {
      byte[] cut = inRecords(hello, size);
      ClientHello.Read read = ClientHello.read(new ByteArrayInputStream(cut));
      assertThat(read.hello().serverName()).contains("api.example.com");
      assertThat(read.bytes()).isEqualTo(cut);
    }
  }

  @Test
  void noNameIsNone() throws Exception {
    assertThat(read(hello(List.of())).serverName()).isEmpty();
  }

  @Test
  void whatFollowsItIsNotRead() throws Exception {
    byte[] hello = hello(List.of(new SNIHostName("a.example")));
    ByteArrayInputStream in = new ByteArrayInputStream(Arrays.copyOf(hello, hello.length + 3));
    ClientHello.read(in);
    assertThat(in.available()).isEqualTo(3);
  }

  @Test
  void aNameThatIsNoneIsRefused() throws Exception {
    for (String name : new String[] {"a\0b.example.com", "a b.example.com.", "a..example.co.m"}) {
      byte[] hello = hello(List.of(new SNIHostName("api.example.com")));
      byte[] bytes = name.getBytes(StandardCharsets.US_ASCII);
      int at = new String(hello, StandardCharsets.ISO_8859_1).indexOf("api.example.com");
      System.arraycopy(bytes, 0, hello, at, 15);
      assertThatThrownBy(() -> read(hello)).isInstanceOf(ClientHello.MalformedException.class);
    }
  }

  @Test
  void anEncryptedHelloIsNoticed() throws Exception {
    byte[] hello = hello(List.of(new SNIHostName("api.example.com")));
    // The extension of session tickets becomes that of encrypted hellos.
    for (int at = 5; at < hello.length - 4; at++) {
      byte[] changed = hello.clone();
      changed[at] = (byte) 0xfe;
      changed[at + 1] = 0x0d;
      try {
        if (read(changed).encrypted()) {
          return;
        }
      } catch (ClientHello.MalformedException | EOFException e) {
        // That was not where an extension's number stands.
      }
    }
    throw new AssertionError("no place was an extension's number");
  }

  @Test
  void damagedOnesAreRefusedAndNothingWorse() throws Exception {
    byte[] hello = hello(List.of(new SNIHostName("api.example.com")));
    Random random = new Random(1);
    for (int i = 0; i < 20_000; i++) {
      byte[] damaged = hello.clone();
      for (int n = random.nextInt(4); n >= 0; n--) {
        damaged[random.nextInt(damaged.length)] = (byte) random.nextInt();
      }
      if (random.nextBoolean()) {
        damaged = Arrays.copyOf(damaged, random.nextInt(damaged.length));
      }
      try {
        read(damaged);
      } catch (ClientHello.MalformedException | EOFException e) {
        // As it should be.
      }
    }
  }

  @Test
  void oneOfTooManyPiecesIsRefused() throws Exception {
    byte[] hello = hello(List.of(new SNIHostName("api.example.com")));
    assertThatThrownBy(() -> read(inRecords(hello, 1)))
        .isInstanceOf(ClientHello.MalformedException.class);
  }
}
