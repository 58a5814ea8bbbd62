package dev.belljar.engine;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.Secret;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URLEncoder;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The guest's root looks for a secret's value: in what servers repeat, and all over its machine.
 */
@Timeout(180)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class GuestSecretAttackIT {
  private static final String VALUE = "sk-live-\"9b1\"/f47e+2c";
  private static final String URL = "https://api.example.com/";
  private static final Pattern KEY = Pattern.compile("(?m)^X-Key: (.*?)\r?$");
  private static final String ASK = "curl -sSi --max-time 20 -H \"X-Key: $API_KEY\" " + URL;

  @TempDir static Path directory;
  private static ScriptedServer server;
  private static LoopbackServer plain;
  private static ServerSocket log;
  private static Sandbox sandbox;
  private static Sandbox other;
  private static String placeholder;

  @BeforeAll
  static void create() throws Exception {
    TestAuthority authority = new TestAuthority(directory, "api.example.com");
    server = new ScriptedServer(authority.serverContext());
    plain = LoopbackServer.plain();
    log = new ServerSocket(0, 10, InetAddress.getLoopbackAddress());
    Thread.ofVirtual().start(GuestSecretAttackIT::showLog);
    sandbox = with(authority, VALUE);
    other = with(authority, "another-value-of-another-owner");
    placeholder = sandbox.env().get("API_KEY").orElseThrow();
  }

  private static Sandbox with(TestAuthority authority, String value) throws IOException {
    return Sandbox.create(
        SandboxOptions.builder()
            .allowNet("api.example.com", "elsewhere.example.com")
            .connectTo("api.example.com:443:127.0.0.1:" + server.port())
            .connectTo("elsewhere.example.com:80:127.0.0.1:" + plain.port())
            .connectTo("api.example.com:80:127.0.0.1:" + log.getLocalPort())
            .connectTo("elsewhere.example.com:8080:127.0.0.1:" + log.getLocalPort())
            .secret("API_KEY", Secret.of(value, "api.example.com"))
            .caCertificate(authority.pem())
            .build());
  }

  @AfterAll
  static void close() throws IOException {
    sandbox.close();
    other.close();
    server.close();
    plain.close();
    log.close();
  }

  /** As a server does that shows without TLS what it was sent before. */
  private static void showLog() {
    while (true) {
      try (Socket socket = log.accept()) {
        socket.getInputStream().read(new byte[4096]);
        socket.getOutputStream().write(sized("k=" + VALUE + "\n").getBytes(ISO_8859_1));
      } catch (IOException e) {
        if (log.isClosed()) {
          return;
        }
      }
    }
  }

  @ParameterizedTest
  @Order(1)
  @ValueSource(strings = {"http://api.example.com/log", "http://elsewhere.example.com:8080/log"})
  void whatAServerShowsWithoutTlsHasThePlaceholderToo(String url) {
    assertThat(sandbox.sh("curl -sS " + url).text()).isEqualTo("k=" + placeholder + "\n");
  }

  @Test
  @Order(1)
  void noFormInWhichAServerRepeatsItComesBack() {
    Map<String, UnaryOperator<String>> forms =
        Map.of(
            "reason", v -> "HTTP/1.1 200 " + v + "\r\nContent-Length: 0\r\n\r\n",
            "field", v -> "HTTP/1.1 200 OK\r\nX-Echo: <" + v + ">\r\nContent-Length: 0\r\n\r\n",
            "interim", v -> "HTTP/1.1 103 Early\r\nX: " + v + "\r\n\r\n" + sized("done"),
            "body", GuestSecretAttackIT::sized,
            "json", v -> sized("{\"k\":\"" + v.replace("\"", "\\\"") + "\"}"),
            "url", v -> sized("k=" + URLEncoder.encode(v, ISO_8859_1)),
            "until close", v -> "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + v,
            "chunks", v -> chunked(v, ""),
            "trailer", v -> chunked("x", "X-Echo: " + v + "\r\n"),
            "packed", v -> packed(v + v));
    for (boolean byteByByte : new boolean[] {false, true}) {
      server.byteByByte(byteByByte);
      forms.forEach(
          (name, form) -> {
            server.answers(request -> form.apply(key(request)));
            String answer =
                sandbox.sh(ASK + " --raw; true").text() + sandbox.sh(ASK + "; true").text();
            assertThat(key(server.requests().getLast())).isEqualTo(VALUE);
            assertThat(answer)
                .as(name)
                .contains("HTTP/1.1")
                .doesNotContain("9b1")
                .doesNotContain("f47e");
          });
    }
    server.byteByByte(false);
  }

  @Test
  @Order(1)
  void aServerThatRepeatsTheWholeRequestRepeatsThePlaceholder() {
    server.answers(
        request ->
            "HTTP/1.1 200 OK\r\nContent-Type: message/http\r\nConnection: close\r\n\r\n" + request);
    String answer =
        sandbox.sh(ASK + "path/$API_KEY?k=$API_KEY -X TRACE -u me:$API_KEY -A $API_KEY").text();
    assertThat(server.requests().getLast()).contains(VALUE).doesNotContain(placeholder);
    assertThat(answer)
        .contains("TRACE /path/" + placeholder + "?k=" + placeholder)
        .contains("X-Key: " + placeholder)
        .doesNotContain("9b1")
        .doesNotContain("f47e");
  }

  @Test
  @Order(1)
  void aRedirectDoesNotCarryItToAnotherHost() {
    server.answers(
        request ->
            "HTTP/1.1 307 See\r\nLocation: http://elsewhere.example.com/echo?k="
                + URLEncoder.encode(key(request), ISO_8859_1)
                + "\r\nContent-Length: 0\r\n\r\n");
    String answer = sandbox.sh(ASK + " -L --location-trusted").text();
    assertThat(plain.lastRequest())
        .contains("/echo?k=" + placeholder)
        .contains("X-key: " + placeholder)
        .doesNotContain("9b1");
    assertThat(answer).doesNotContain("9b1");
  }

  @Test
  @Order(1)
  void anotherSandboxsPlaceholderIsWorthNothing() {
    server.answers(request -> sized("ok"));
    other.sh("curl -sS -H 'X-Key: " + placeholder + "' " + URL).text();
    assertThat(key(server.requests().getLast())).isEqualTo(placeholder);
    other.sh("curl -sS -H \"X-Key: $API_KEY\" " + URL).text();
    assertThat(key(server.requests().getLast())).isEqualTo("another-value-of-another-owner");
  }

  /** After all of the above. */
  @Test
  @Order(2)
  void theValueIsNowhereInTheMachinesMemory() {
    String control = "control-" + placeholder.substring(20);
    sandbox.fs().writeTextFile("/dev/shm/control", control);
    assertThat(
            GuestMemory.found(
                sandbox, List.of(VALUE, VALUE.replace("\"", "\\\""), control, placeholder)))
        .containsExactlyInAnyOrder(control, placeholder);
  }

  @Test
  @Order(2)
  void theValueIsInNoFileAndNoEnvironment() {
    String search =
        "sudo sh -c \"grep -rlaE 'sk-live-.9b[1]' /etc /home /root /run /tmp /var /proc/[0-9]*/environ"
            + " /proc/[0-9]*/cmdline 2>/dev/null; true\"";
    sandbox.fs().writeTextFile("/tmp/control", "sk-live-\"9b1");
    assertThat(sandbox.sh(search).text()).isEqualTo("/tmp/control\n");
    sandbox.fs().remove("/tmp/control");
    assertThat(sandbox.sh(search).text()).isEmpty();
  }

  private static String key(String request) {
    Matcher matcher = KEY.matcher(request);
    assertThat(matcher.find()).as(request).isTrue();
    return matcher.group(1);
  }

  private static String sized(String body) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + body.length() + "\r\n\r\n" + body;
  }

  /** In chunks of three bytes, so that no chunk has all of it. */
  private static String chunked(String body, String trailer) {
    StringBuilder text = new StringBuilder("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < body.length(); i += 3) {
      String part = body.substring(i, Math.min(i + 3, body.length()));
      text.append(part.length())
          .append(";x=")
          .append(body)
          .append("\r\n")
          .append(part)
          .append("\r\n");
    }
    return text + "0\r\n" + trailer + "\r\n";
  }

  private static String packed(String body) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (GZIPOutputStream packer = new GZIPOutputStream(bytes)) {
      packer.write(body.getBytes(ISO_8859_1));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: "
        + bytes.size()
        + "\r\n\r\n"
        + bytes.toString(ISO_8859_1);
  }
}
