package dev.belljar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.URI;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EndpointTest {
  private static final String SERVER = "http://127.0.0.1:8080";

  @Test
  void textNeverShowsTheToken() {
    assertThat(Endpoint.of(SERVER, "ddo_secret").toString())
        .contains(SERVER)
        .doesNotContain("ddo_secret");
    assertThat(
            SandboxOptions.builder().endpoint(Endpoint.of(SERVER, "ddo_secret")).build().toString())
        .doesNotContain("ddo_secret");
  }

  @Test
  void environmentOfBelljarComesBeforeThatOfDeno() {
    var endpoint =
        Endpoint.fromEnvironment(
            Map.of(
                "BELLJAR_ENDPOINT", SERVER,
                "BELLJAR_TOKEN", "a",
                "DENO_SANDBOX_ENDPOINT", "https://other",
                "DENO_DEPLOY_ENDPOINT", "https://manage",
                "DENO_DEPLOY_TOKEN", "b"));
    assertThat(endpoint).contains(Endpoint.of(SERVER, "a"));
  }

  @Test
  void environmentOfDenoNamesTwoServersAndAnOrganization() {
    var endpoint =
        Endpoint.fromEnvironment(
                Map.of(
                    "DENO_SANDBOX_ENDPOINT", "https://other",
                    "DENO_DEPLOY_ENDPOINT", "https://manage",
                    "DENO_DEPLOY_ORG", "acme",
                    "DENO_DEPLOY_TOKEN", "b"))
            .orElseThrow();
    assertThat(endpoint.sandboxes()).isEqualTo(URI.create("https://other"));
    assertThat(endpoint.management()).isEqualTo(URI.create("https://manage"));
    assertThat(endpoint.org()).contains("acme");
  }

  @Test
  void tokenGoesToDenosConsoleOnlyForDenosOwnSandboxes() {
    Map<String, String> own =
        Map.of(
            "DENO_SANDBOX_ENDPOINT", "https://ams.sandbox-api.deno.net", "DENO_DEPLOY_TOKEN", "b");
    assertThat(Endpoint.fromEnvironment(own).orElseThrow().management())
        .isEqualTo(URI.create("https://console.deno.com"));
    Map<String, String> other = Map.of("DENO_SANDBOX_ENDPOINT", SERVER, "DENO_DEPLOY_TOKEN", "b");
    assertThat(Endpoint.fromEnvironment(other).orElseThrow().management())
        .isEqualTo(URI.create(SERVER));
  }

  @Test
  void serverWithoutATokenSaysWhatToSet() {
    assertThatThrownBy(() -> Endpoint.fromEnvironment(Map.of("BELLJAR_ENDPOINT", SERVER)))
        .isInstanceOf(InvalidOptionException.class)
        .hasMessageContaining("BELLJAR_TOKEN");
  }

  @Test
  void environmentWithoutAServerIsNone() {
    assertThat(Endpoint.fromEnvironment(Map.of("DENO_DEPLOY_TOKEN", "b", "BELLJAR_ENDPOINT", " ")))
        .isEmpty();
  }

  @Test
  void optionsTakeTheEnvironmentsServerUnlessToldOtherwise() {
    Map<String, String> environment = Map.of("BELLJAR_ENDPOINT", SERVER, "BELLJAR_TOKEN", "a");
    Endpoint mine = Endpoint.of("http://mine", "c");
    assertThat(SandboxOptions.builder(environment).build().endpoint())
        .contains(Endpoint.of(SERVER, "a"));
    assertThat(SandboxOptions.builder(environment).local().build().endpoint()).isEmpty();
    assertThat(SandboxOptions.builder(environment).endpoint(mine).build().endpoint())
        .contains(mine);
    assertThat(SandboxOptions.builder(Map.of()).build().endpoint()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ftp://host",
        "http://host/",
        "http://host/path",
        "http://host?query",
        "http://host#fragment",
        "http://user:secret@host",
        "host:8080",
        "http://",
        "not a url",
        ""
      })
  void onlyBareHttpUrlsAreEndpoints(String url) {
    assertThatThrownBy(() -> Endpoint.of(url, "t"))
        .isInstanceOf(InvalidOptionException.class)
        .hasMessageNotContaining("secret");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "two words", "line\nbreak", "ümlaut"})
  void tokensThatNoHeaderCarriesAreRefusedUnsaid(String token) {
    var refused =
        assertThatThrownBy(() -> Endpoint.of(SERVER, token))
            .isInstanceOf(InvalidOptionException.class);
    if (!token.isEmpty()) {
      refused.hasMessageNotContaining(token);
    }
  }
}
