package dev.belljar.engine;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.belljar.EgressRecord;
import dev.belljar.EgressRecord.Verdict;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A guest that connects to an allowed name and asks for another one there. */
@Timeout(180)
class EgressNamesIT {
  @TempDir static Path directory;
  private static LoopbackServer secure;
  private static LoopbackServer plain;
  private static final BlockingQueue<String> AFTER_RETRY = new LinkedBlockingQueue<>();
  private static ServerSocket retrier;
  private static ServerSocket talker;
  private static Sandbox sandbox;

  @BeforeAll
  static void create() throws Exception {
    TestAuthority authority = new TestAuthority(directory, "evil.example.com");
    secure = LoopbackServer.secure(authority.serverContext());
    plain = LoopbackServer.plain();
    talker = new ServerSocket(0, 10, InetAddress.getLoopbackAddress());
    Thread.ofVirtual().start(EgressNamesIT::talk);
    retrier = new ServerSocket(0, 10, InetAddress.getLoopbackAddress());
    Thread.ofVirtual().start(EgressNamesIT::retry);
    sandbox =
        Sandbox.create(
            SandboxOptions.builder()
                .allowNet("good.example.com", "198.51.100.9", "ssh.example.com:22")
                .connectTo("good.example.com:443:127.0.0.1:" + secure.port())
                .connectTo("good.example.com:80:127.0.0.1:" + plain.port())
                .connectTo("good.example.com:8443:127.0.0.1:" + retrier.getLocalPort())
                .connectTo("198.51.100.9:80:127.0.0.1:" + plain.port())
                .connectTo("ssh.example.com:22:127.0.0.1:" + talker.getLocalPort())
                .build());
  }

  /** Greets, and repeats what it is told. */
  private static void talk() {
    while (true) {
      try (Socket socket = talker.accept()) {
        socket.getOutputStream().write("hello, who are you?\n".getBytes(US_ASCII));
        socket.getInputStream().transferTo(socket.getOutputStream());
      } catch (IOException e) {
        return;
      }
    }
  }

  /** Asks every client for another hello, and keeps what it says then. */
  private static void retry() {
    byte[] random =
        HexFormat.of().parseHex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c");
    ByteBuffer record = ByteBuffer.allocate(5 + 4 + 2 + 32 + 1 + 2 + 1);
    record.put(new byte[] {22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3}).put(random);
    record.put(new byte[] {0, 0x13, 1, 0});
    while (true) {
      try (Socket socket = retrier.accept()) {
        byte[] header = socket.getInputStream().readNBytes(5);
        socket.getInputStream().readNBytes(ByteBuffer.wrap(header).getShort(3));
        socket.getOutputStream().write(record.array());
        AFTER_RETRY.add(new String(socket.getInputStream().readAllBytes(), ISO_8859_1));
      } catch (SocketException e) {
        if (retrier.isClosed()) {
          return;
        }
        AFTER_RETRY.add("");
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  @AfterAll
  static void close() throws IOException {
    sandbox.close();
    secure.close();
    plain.close();
    talker.close();
    retrier.close();
  }

  private static void awaitDenied(String reason) {
    await()
        .untilAsserted(
            () ->
                assertThat(sandbox.egress())
                    .filteredOn(r -> r.verdict() == Verdict.DENIED)
                    .extracting(EgressRecord::reason)
                    .contains(reason));
  }

  @Test
  void anotherServersNameInTheHandshakeIsRefused() {
    // The certificate would be right for it: nothing but the name in the handshake is wrong.
    String said =
        sandbox
            .sh(
                "curl -vsSk --connect-to evil.example.com:443:good.example.com:443 https://evil.example.com/hello 2>&1 || true")
            .text();
    assertThat(said).doesNotContain("hello from the host").contains("unrecognized name");
    awaitDenied("the TLS handshake names 'evil.example.com'");
  }

  @Test
  void aHandshakeInPiecesIsReadToItsName() {
    String said = sandbox.sh("python3 - <<'END'\n" + pieces("evil.example.com") + "END\n").text();
    assertThat(said).contains("refused").doesNotContain("server hello");
    said = sandbox.sh("python3 - <<'END'\n" + pieces("good.example.com") + "END\n").text();
    assertThat(said).contains("server hello");
  }

  /** A ClientHello of OpenSSL's, in records of 40 bytes and segments of 11. */
  private static String pieces(String name) {
    return """
        import socket, ssl, time
        context = ssl._create_unverified_context()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname="%s")
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        hello = outgoing.read()[5:]
        records = b"".join(bytes([22, 3, 1, 0, len(hello[i:i+40])]) + hello[i:i+40] for i in range(0, len(hello), 40))
        connection = socket.create_connection(("good.example.com", 443))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for i in range(0, len(records), 11):
                connection.send(records[i:i+11])
                time.sleep(0.001)
            answer = connection.recv(100)
            print("server hello" if answer[:1] == b"\\x16" else "refused")
        except OSError as e:
            print("refused", e)
        """
        .formatted(name);
  }

  /** Also where it is sent without waiting for the server to ask for it. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void theNameOfASecondHelloCountsToo(boolean waits) throws Exception {
    sandbox.sh("python3 - <<'END'\n" + twoHellos("evil.example.com", waits) + "END\n").text();
    assertThat(AFTER_RETRY.poll(20, TimeUnit.SECONDS)).doesNotContain("evil.example.com");
    awaitDenied("the TLS handshake names 'evil.example.com'");
    sandbox.sh("python3 - <<'END'\n" + twoHellos("good.example.com", waits) + "END\n").text();
    assertThat(AFTER_RETRY.poll(20, TimeUnit.SECONDS)).contains("good.example.com");
  }

  private static String twoHellos(String second, boolean waits) {
    return """
        import socket, ssl
        def hello(name):
            context = ssl._create_unverified_context()
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            return outgoing.read()
        connection = socket.create_connection(("good.example.com", 8443))
        try:
            connection.sendall(hello("good.example.com"))
            if %s:
                connection.recv(100)
            connection.sendall(bytes([20, 3, 3, 0, 1, 1]) + hello("%s"))
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(100):
                pass
        except OSError as e:
            print(e)
        """
        .formatted(waits ? "True" : "False", second);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "bytes([21, 3, 1, 0, 2, 1, 90]) + hello",
        "bytes([20, 3, 1, 0, 1, 1]) + hello",
        "bytes([0x80, 46, 1, 3, 1, 0, 3, 0, 0, 0, 32, 0, 0, 5]) + bytes(34)",
      })
  void whatAServerMaySkipBeforeAHelloIsRefused(String sent) {
    String said =
        sandbox
            .sh(
                "python3 - <<'END'\n"
                    + pieces("evil.example.com").lines().limit(9).collect(Collectors.joining("\n"))
                    + """

                      hello = bytes([22, 3, 1, len(hello) >> 8, len(hello) & 255]) + hello
                      connection = socket.create_connection(("good.example.com", 443))
                      try:
                          connection.sendall(%s)
                          answer = connection.recv(100)
                          print("server hello" if answer[:1] == b"\\x16" else "refused")
                      except OSError as e:
                          print("refused", e)
                      END
                      """
                        .formatted(sent))
            .text();
    assertThat(said).contains("refused").doesNotContain("server hello");
  }

  @ParameterizedTest
  @ValueSource(strings = {"'A' * 33", "'\\0GET'", "'\\x7fGET'"})
  void aRequestThatDoesNotBeginLikeOneIsRefused(String method) {
    String said =
        sandbox
            .sh(
                """
                python3 - <<'END'
                import socket
                connection = socket.create_connection(("good.example.com", 80))
                request = (%s + ' /hello HTTP/1.1\\r\\nHost: evil.example.com\\r\\n\\r\\n').encode('latin1')
                try:
                    connection.sendall(request)
                    print(connection.recv(1000))
                except OSError as e:
                    print("refused", e)
                END
                """
                    .formatted(method))
            .text();
    assertThat(said).doesNotContain("HTTP/1");
    awaitDenied("it has a request of HTTP in what does not begin like one");
  }

  @Test
  void aHandshakeWithoutANameIsRefused() {
    String said =
        sandbox
            .sh(
                "openssl s_client -noservername -connect good.example.com:443 </dev/null 2>&1 || true")
            .text();
    assertThat(said).doesNotContain("BEGIN CERTIFICATE");
    awaitDenied("the TLS handshake names no server");
  }

  @Test
  void anotherHostInARequestIsRefused() {
    assertThat(
            sandbox.sh("curl -sS -H 'Host: evil.example.com' http://good.example.com/hello").text())
        .contains("a request is for 'evil.example.com'");
    awaitDenied("a request is for 'evil.example.com'");
  }

  @Test
  void aLaterRequestOfTheSameConnectionIsRefused() {
    String said =
        sandbox
            .sh(
                "printf 'GET /hello HTTP/1.1\\r\\nHost: good.example.com\\r\\n\\r\\nGET /hello HTTP/1.1\\r\\nHost: later.example.com\\r\\n\\r\\n'"
                    + " | curl -sS --max-time 5 telnet://good.example.com:80 || true")
            .text();
    assertThat(said.split("hello from the host", -1)).as(said).hasSizeLessThanOrEqualTo(2);
    awaitDenied("a request is for 'later.example.com'");
  }

  @Test
  void aNameThatTheGuestResolvesItselfIsStillNotAllowed() {
    assertThat(
            sandbox
                .sh(
                    "curl -sSL --resolve evil.example.com:80:198.51.100.9 http://evil.example.com/hello")
                .text())
        .contains("a request is for 'evil.example.com'");
  }

  @Test
  void behindAnAllowedAddressOnlyAllowedNamesMayBeAskedFor() {
    try (Sandbox other =
        Sandbox.create(
            SandboxOptions.builder()
                .allowNet("198.51.100.7", "named.example.com")
                .connectTo("198.51.100.7:80:127.0.0.1:" + plain.port())
                .build())) {
      assertThat(other.sh("curl -sS http://198.51.100.7/hello").text()).contains("hello from");
      assertThat(other.sh("curl -sS -H 'Host: named.example.com' http://198.51.100.7/hello").text())
          .contains("hello from");
      assertThat(other.sh("curl -sS -H 'Host: evil.example.com' http://198.51.100.7/hello").text())
          .contains("a request is for 'evil.example.com'");
    }
  }

  @Test
  void http2WithoutTlsIsRefused() {
    sandbox
        .sh("curl -sS --max-time 5 --http2-prior-knowledge http://good.example.com/hello || true")
        .text();
    awaitDenied("a request cannot be read: a start line that is not one of HTTP/1");
  }

  @Test
  void aServerThatSpeaksFirstIsHeard() {
    String said =
        sandbox
            .sh(
                "python3 -c 'import socket; c = socket.create_connection((\"ssh.example.com\", 22));"
                    + " print(c.recv(100)); c.send(b\"me\\n\"); print(c.recv(100))'")
            .text();
    assertThat(said).contains("who are you?").contains("me\\n");
  }
}
