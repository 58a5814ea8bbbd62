package dev.belljar.engine.egress.secrets;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.Secret;
import dev.belljar.engine.egress.http.Request;
import dev.belljar.engine.streams.ReadAhead;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** Placeholders out, values back in, in every form. */
class HostSecretsTest {
  private static final String VALUE = "p\"a/ss wörd&=1";
  private final SandboxSecrets secrets =
      SandboxSecrets.of(
          Map.of(
              "KEY", Secret.of(VALUE, "a.example").alsoInBody(),
              "OTHER", Secret.of("another-value", "b.example"),
              "PIN", Secret.of("1234", "a.example")),
          (name, hosts) -> (host, port) -> hosts.contains(host),
          new SecureRandom());
  private final String key = placeholder("KEY");
  private final HostSecrets host = secrets.forHost("a.example", 443);

  private String placeholder(String name) {
    return Objects.requireNonNull(secrets.environment().get(name));
  }

  private static Request request(String target, String... fields) throws IOException {
    StringBuilder text = new StringBuilder("POST " + target + " HTTP/1.1\r\nHost: a.example\r\n");
    for (String field : fields) {
      text.append(field).append("\r\n");
    }
    return Request.parse(text.append("\r\n").toString().getBytes(ISO_8859_1));
  }

  private static String latin(String text) {
    return new String(text.getBytes(UTF_8), ISO_8859_1);
  }

  private String body(String type, String body) throws IOException {
    return new String(
        host.outgoingBody(request("/", "Content-Type: " + type), body.getBytes(UTF_8)), UTF_8);
  }

  @Test
  void aUrlHasTheValueEncoded() throws IOException {
    assertThat(host.outgoing(request("/" + key + "?k=" + key)).target())
        .isEqualTo("/p%22a%2Fss%20w%C3%B6rd%26%3D1?k=p%22a%2Fss%20w%C3%B6rd%26%3D1");
    assertThat(host.used()).containsExactly("KEY");
  }

  @Test
  void aFieldHasTheValueAsItIs() throws IOException {
    Request changed = host.outgoing(request("/", "X-Key: <" + key + ">"));
    assertThat(changed.head().all("X-Key")).containsExactly("<" + latin(VALUE) + ">");
  }

  /** A value is no token as RFC 9110 wants one; a server that names a field by it is caught. */
  @Test
  void theNameOfAFieldIsLeftAsItIsOnItsWayOutOnly() throws IOException {
    Request changed = host.outgoing(request("/", key + ": x"));
    assertThat(changed.head().all(key)).containsExactly("x");
    assertThat(host.used()).isEmpty();
    assertThat(host.incoming("X-" + latin(VALUE))).isEqualTo("X-" + key);
  }

  @Test
  void basicCredentialsAreEncodedAnew() throws IOException {
    String hidden = Base64.getEncoder().encodeToString(("me:" + key).getBytes(UTF_8));
    String real = Base64.getEncoder().encodeToString(("me:" + VALUE).getBytes(UTF_8));
    Request changed = host.outgoing(request("/", "Authorization: basic " + hidden));
    assertThat(changed.head().all("Authorization")).containsExactly("Basic " + real);
    assertThat(host.incoming("you said Basic " + real)).isEqualTo("you said Basic " + hidden);
  }

  @Test
  void aBodyHasTheValueInItsOwnEncoding() throws IOException {
    assertThat(body("application/json; charset=utf-8", "{\"k\":\"" + key + "\"}"))
        .isEqualTo("{\"k\":\"p\\\"a/ss wörd&=1\"}");
    assertThat(body("application/x-www-form-urlencoded", "k=" + key))
        .isEqualTo("k=p%22a%2Fss%20w%C3%B6rd%26%3D1");
    assertThat(body("text/plain", key)).isEqualTo(VALUE);
    assertThat(body("text/plain", placeholder("PIN")))
        .as("not asked for")
        .isEqualTo(placeholder("PIN"));
  }

  @Test
  void aPackedBodyIsLeftAlone() throws IOException {
    assertThat(host.heldBody(request("/"))).isPositive();
    assertThat(host.heldBody(request("/", "Content-Encoding: gzip"))).isZero();
    assertThat(secrets.forHost("b.example", 443).heldBody(request("/"))).isZero();
  }

  @Test
  void anotherHostsPlaceholderStaysOne() throws IOException {
    Request changed = host.outgoing(request("/", "X-Key: " + placeholder("OTHER")));
    assertThat(changed.head().all("X-Key")).containsExactly(placeholder("OTHER"));
    assertThat(host.used()).isEmpty();
    assertThat(secrets.concern("c.example", 443)).isFalse();
  }

  @Test
  void answersAreAskedForWholeAndUnpacked() throws IOException {
    Request changed =
        host.outgoing(
            request("/", "Accept-Encoding: gzip, br", "Range: bytes=0-5", "If-Range: \"x\""));
    assertThat(changed.head().all("Accept-Encoding")).containsExactly("identity");
    assertThat(changed.head().all("Range")).isEmpty();
    assertThat(changed.head().all("If-Range")).isEmpty();
  }

  @Test
  void everyFormOfTheValueComesBackAsThePlaceholder() throws IOException {
    String answer =
        latin("<" + VALUE + "><p%22a%2Fss%20w%C3%B6rd%26%3D1><p\\\"a/ss wörd&=1><1234>");
    String expected = "<" + key + "><" + key + "><" + key + "><1234>";
    assertThat(host.incoming(answer)).isEqualTo(expected);
    assertThat(host.incoming(answer.getBytes(ISO_8859_1))).isEqualTo(expected.getBytes(ISO_8859_1));
    ReadAhead body = new ReadAhead(new ByteArrayInputStream(answer.getBytes(ISO_8859_1)), 1 << 10);
    body.start("body");
    assertThat(host.incoming(body).readAllBytes()).isEqualTo(expected.getBytes(ISO_8859_1));
  }

  @Test
  void credentialsComeBackAsTheyWereOnEveryConnection() throws IOException {
    List<String> sent = new ArrayList<>();
    String asked = "";
    for (int user = 0; user < 40; user++) {
      asked = Base64.getEncoder().encodeToString(("u" + user + ":" + key).getBytes(ISO_8859_1));
      Request changed = host.outgoing(request("/", "Authorization: Basic " + asked));
      sent.addAll(changed.head().all("Authorization"));
    }
    assertThat(sent).allSatisfy(text -> assertThat(text).doesNotContain(key));
    HostSecrets other = secrets.forNobody();
    for (String text : sent) {
      assertThat(other.incoming(text)).doesNotContain(text.substring("Basic ".length()));
    }
    assertThat(other.incoming(sent.getLast())).isEqualTo("Basic " + asked);
  }

  @Test
  void noMoreCredentialsThanCanBeRememberedCarryAValue() throws IOException {
    for (int user = 0; user < 300; user++) {
      String asked =
          Base64.getEncoder().encodeToString(("u" + user + ":" + key).getBytes(ISO_8859_1));
      Request changed = host.outgoing(request("/", "Authorization: Basic " + asked));
      String sent = changed.head().all("Authorization").getFirst();
      assertThat(host.incoming(sent)).isEqualTo("Basic " + asked);
    }
  }

  @Test
  void whereNoneMayBeSentNoneIsAndNoneComesBack() throws IOException {
    HostSecrets other = secrets.forNobody();
    assertThat(other.outgoing(request("/" + key)).target()).contains(key);
    assertThat(other.incoming(latin("<" + VALUE + ">"))).isEqualTo("<" + key + ">");
    assertThat(other.used()).isEmpty();
  }

  @Test
  void theValuesAreOverwrittenAtTheEnd() throws IOException {
    secrets.close();
    assertThat(host.outgoing(request("/" + key)).target()).doesNotContain("p%22a");
  }
}
