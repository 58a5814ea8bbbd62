package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.belljar.EgressRecord;
import dev.belljar.EgressRecord.Verdict;
import dev.belljar.InvalidOptionException;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.Secret;
import java.nio.file.Path;
import java.util.Base64;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Values that the guest uses and never sees. */
@Timeout(180)
class SecretsIT {
  private static final String VALUE = "sk-live-\"quoted\"-5f3a9c";
  private static final String URL = "https://api.example.com/echo";
  @TempDir static Path directory;
  @TempDir static Path otherDirectory;
  private static LoopbackServer server;
  private static LoopbackServer stranger;
  private static LoopbackServer plain;
  private static Sandbox sandbox;
  private static String placeholder;
  private static String authorityPem;

  @BeforeAll
  static void create() throws Exception {
    TestAuthority authority = new TestAuthority(directory, "api.example.com");
    authorityPem = authority.pem();
    server = LoopbackServer.secure(authority.serverContext());
    stranger =
        LoopbackServer.secure(
            new TestAuthority(otherDirectory, "impostor.example.com").serverContext());
    plain = LoopbackServer.plain();
    sandbox =
        Sandbox.create(
            SandboxOptions.builder()
                .allowNet("api.example.com", "impostor.example.com", "plain.example.com")
                .connectTo("api.example.com:443:127.0.0.1:" + server.port())
                .connectTo("api.example.com:80:127.0.0.1:" + plain.port())
                .connectTo("impostor.example.com:443:127.0.0.1:" + stranger.port())
                .connectTo("plain.example.com:80:127.0.0.1:" + plain.port())
                .secret(
                    "API_KEY",
                    Secret.of(VALUE, "api.example.com", "impostor.example.com").alsoInBody())
                .secret("OTHER_KEY", Secret.of("other-value-of-another-host", "other.example.com"))
                .caCertificate(authority.pem())
                .build());
    placeholder = sandbox.env().get("API_KEY").orElseThrow();
  }

  @AfterAll
  static void close() {
    sandbox.close();
    server.close();
    stranger.close();
    plain.close();
  }

  @Test
  void theGuestHasAPlaceholder() {
    assertThat(sandbox.sh("printf %s \"$API_KEY\"").text())
        .isEqualTo(placeholder)
        .startsWith("belljar-secret-")
        .hasSize(47);
    assertThat(sandbox.env().get("OTHER_KEY")).isPresent().isNotEqualTo(placeholder);
  }

  @Test
  void headersUrlAndBodyCarryTheValueAndTheAnswerDoesNot() {
    String answer =
        sandbox
            .sh(
                "curl -sSi -H \"Authorization: Bearer $API_KEY\" -H 'Content-Type: application/json'"
                    + " --data \"{\\\"key\\\":\\\"$API_KEY\\\"}\" \""
                    + URL
                    + "?k=$API_KEY\"")
            .text();
    assertThat(server.lastRequest())
        .contains("/echo?k=sk-live-%22quoted%22-5f3a9c")
        .contains("Authorization: Bearer " + VALUE)
        .contains("{\"key\":\"sk-live-\\\"quoted\\\"-5f3a9c\"}");
    assertThat(answer)
        .contains("X-echo: Bearer " + placeholder)
        .contains("{\"key\":\"" + placeholder + "\"}")
        .contains("/echo?k=" + placeholder)
        .doesNotContain("sk-live");
    await()
        .untilAsserted(
            () ->
                assertThat(sandbox.egress())
                    .anyMatch(
                        r ->
                            r.verdict() == Verdict.ALLOWED
                                && r.reason().isEmpty()
                                && r.secrets().contains("API_KEY")
                                && r.host().equals("api.example.com")));
    assertThat(sandbox.egress().toString()).doesNotContain("sk-live");
  }

  @Test
  void basicCredentialsCarryTheValue() {
    String answer = sandbox.sh("curl -sS -u \"me:$API_KEY\" " + URL).text();
    assertThat(server.lastRequest()).contains(basic("me:" + VALUE));
    assertThat(answer).contains(basic("me:" + placeholder)).doesNotContain(basic("me:" + VALUE));
  }

  private static String basic(String credentials) {
    return "Basic "
        + Base64.getEncoder()
            .encodeToString(credentials.getBytes(java.nio.charset.StandardCharsets.UTF_8));
  }

  @Test
  void packedAnswersAreLookedInto() {
    String answer =
        sandbox.sh("curl -sS --compressed -H \"Authorization: $API_KEY\" " + URL + "?gzip").text();
    assertThat(server.lastRequest()).contains("Authorization: " + VALUE);
    assertThat(answer).contains("Authorization: " + placeholder).doesNotContain("sk-live");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "wget -qO- --header=\"Authorization: $API_KEY\" " + URL,
        "python3 -c 'import os, urllib.request as r; print(r.urlopen(r.Request(\""
            + URL
            + "\", headers={\"Authorization\": os.environ[\"API_KEY\"]})).read().decode())'",
        "node -e 'fetch(\""
            + URL
            + "\", {headers: {Authorization: process.env.API_KEY}}).then(r => r.text()).then(console.log)'",
        "deno eval 'console.log(await (await fetch(\""
            + URL
            + "\", {headers: {Authorization: Deno.env.get(\"API_KEY\")}})).text())'",
        "git -c http.extraHeader=\"Authorization: $API_KEY\" ls-remote "
            + URL
            + " 2>&1 || echo \"Authorization: $API_KEY\""
      })
  void theGuestsProgramsTrustTheSandboxesAuthority(String command) {
    assertThat(sandbox.sh(command).text()).contains("Authorization: " + placeholder);
    assertThat(server.lastRequest()).contains("Authorization: " + VALUE);
  }

  @Test
  void aConnectionIsKeptForManyRequests() {
    String answer =
        sandbox
            .sh("curl -sSv -H \"Authorization: $API_KEY\" %s %s %s 2>&1".formatted(URL, URL, URL))
            .text();
    assertThat(answer).contains("Re-using existing").doesNotContain("sk-live");
  }

  @Test
  void anImpostorIsNotSentTheValue() {
    String answer =
        sandbox
            .sh("curl -sS -H \"Authorization: $API_KEY\" https://impostor.example.com/echo")
            .text();
    assertThat(answer).contains("no TLS connection to impostor.example.com");
    assertThat(stranger.lastRequest()).isEmpty();
    await()
        .untilAsserted(
            () ->
                assertThat(sandbox.egress())
                    .anyMatch(
                        r ->
                            r.host().equals("impostor.example.com")
                                && r.verdict() == Verdict.FAILED
                                && r.reason().contains("TLS")));
  }

  @Test
  void otherHostsAndPlainHttpGetThePlaceholder() {
    for (String host : new String[] {"plain.example.com", "api.example.com"}) {
      sandbox.sh("curl -sS -H \"Authorization: $API_KEY\" http://" + host + "/echo").text();
      assertThat(plain.lastRequest()).as(host).contains("Authorization: " + placeholder);
    }
    sandbox.sh("curl -sS -H \"Authorization: $OTHER_KEY\" " + URL).text();
    assertThat(server.lastRequest())
        .contains("Authorization: " + sandbox.env().get("OTHER_KEY").orElseThrow());
  }

  @Test
  void aRequestForAnotherHostDoesNotPass() {
    String answer =
        sandbox
            .sh("curl -sS -H 'Host: other.example.com' -H \"Authorization: $API_KEY\" " + URL)
            .text();
    assertThat(answer).contains("a request is for 'other.example.com'");
    await()
        .untilAsserted(
            () ->
                assertThat(sandbox.egress())
                    .extracting(EgressRecord::reason)
                    .contains("a request is for 'other.example.com'"));
  }

  @Test
  void theValueLeavesTheHeapWithTheSandbox() throws Exception {
    byte[] masked = new byte[24];
    new java.security.SecureRandom().nextBytes(masked);
    useOnce(masked);
    Path dump = directory.resolve("heap.hprof");
    var diagnostics =
        java.lang.management.ManagementFactory.getPlatformMXBean(
            com.sun.management.HotSpotDiagnosticMXBean.class);
    // Live objects only: what is garbage may be anywhere for a while.
    diagnostics.dumpHeap(dump.toString(), true);
    byte[] heap = java.nio.file.Files.readAllBytes(dump);
    java.nio.file.Files.delete(dump);
    byte[] value = unmasked(masked);
    byte[] known =
        "theValueLeavesTheHeapWithTheSandbox".getBytes(java.nio.charset.StandardCharsets.UTF_8);
    assertThat(contains(heap, known)).as("the search finds what is there").isTrue();
    assertThat(contains(heap, value)).isFalse();
  }

  private static void useOnce(byte[] masked) {
    String value = new String(unmasked(masked), java.nio.charset.StandardCharsets.US_ASCII);
    try (Sandbox own =
        Sandbox.create(
            SandboxOptions.builder()
                .connectTo("api.example.com:443:127.0.0.1:" + server.port())
                .caCertificate(authorityPem)
                .secret("HELD", Secret.of(value, "api.example.com"))
                .build())) {
      assertThat(
              own.sh("curl -sS -H \"Authorization: $HELD\" https://api.example.com/hello").text())
          .contains("hello");
      await().until(() -> own.egress().stream().anyMatch(r -> r.secrets().contains("HELD")));
    }
  }

  /** Letters, which the masked bytes are not. */
  private static byte[] unmasked(byte[] masked) {
    byte[] value = new byte[masked.length];
    for (int i = 0; i < value.length; i++) {
      value[i] = (byte) ('a' + (masked[i] & 0xff) % 26);
    }
    return value;
  }

  private static boolean contains(byte[] all, byte[] wanted) {
    for (int at = 0; at <= all.length - wanted.length; at++) {
      if (java.util.Arrays.equals(all, at, at + wanted.length, wanted, 0, wanted.length)) {
        return true;
      }
    }
    return false;
  }

  @Test
  void whatCannotBeASecretIsRefused() {
    assertThatThrownBy(() -> Secret.of("", "api.example.com"))
        .isInstanceOf(InvalidOptionException.class);
    assertThatThrownBy(() -> Secret.of("with\nline feed", "api.example.com"))
        .isInstanceOf(InvalidOptionException.class)
        .hasMessageNotContaining("with");
    assertThatThrownBy(() -> Secret.of("value")).isInstanceOf(InvalidOptionException.class);
    for (String host : new String[] {"192.0.2.1", "*", "localhost", "a b", "[::1]"}) {
      assertThatThrownBy(
              () ->
                  Sandbox.create(
                      SandboxOptions.builder().secret("K", Secret.of("12345678", host)).build()))
          .isInstanceOf(InvalidOptionException.class)
          .hasMessageContaining("secret K: '" + host + "'");
    }
  }
}
