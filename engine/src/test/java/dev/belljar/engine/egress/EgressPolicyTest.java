package dev.belljar.engine.egress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.belljar.InvalidOptionException;
import dev.belljar.SandboxOptions;
import dev.belljar.Secret;
import java.net.InetAddress;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EgressPolicyTest {
  private static final InetAddress PUBLIC = InetAddress.ofLiteral("93.184.216.34");
  private static final InetAddress PRIVATE = InetAddress.ofLiteral("10.0.0.5");

  @Test
  void withoutAnAllowListThePublicInternetAndNothingElseIsReached() {
    EgressPolicy policy = policy(SandboxOptions.builder());
    assertThat(policy.refusalOfLookup("example.com")).isEmpty();
    assertThat(policy.refusalOfTarget("example.com", true, 25)).isEmpty();
    assertThat(policy.refusalOfAddress(PUBLIC, 25)).isEmpty();
    assertThat(policy.refusalOfAddress(PRIVATE, 443))
        .hasValueSatisfying(reason -> assertThat(reason).contains("10.0.0.5"));
  }

  @Test
  void withoutANetworkNothingIsReached() {
    EgressPolicy policy = policy(SandboxOptions.builder().noNet());
    assertThat(policy.refusalOfLookup("example.com")).isPresent();
    assertThat(policy.refusalOfTarget("example.com", true, 443)).isPresent();
    assertThat(policy.refusalOfTarget("93.184.216.34", false, 443)).isPresent();
  }

  @Test
  void anAllowListNamesAllThatIsReached() {
    EgressPolicy policy =
        policy(SandboxOptions.builder().allowNet("example.com:443", "*.example.org", "192.0.2.7"));
    assertThat(policy.refusalOfTarget("example.com", true, 443)).isEmpty();
    assertThat(policy.refusalOfTarget("example.com", true, 80)).isPresent();
    assertThat(policy.refusalOfTarget("a.example.org", true, 80)).isEmpty();
    assertThat(policy.refusalOfTarget("example.org", true, 80)).isPresent();
    assertThat(policy.refusalOfTarget("192.0.2.7", false, 80)).isEmpty();
    assertThat(policy.refusalOfTarget("192.0.2.8", false, 80)).isPresent();
    assertThat(policy.refusalOfTarget("other.net", true, 443)).isPresent();
  }

  @Test
  void aNameOfSomePortMayBeLookedUp() {
    EgressPolicy policy = policy(SandboxOptions.builder().allowNet("example.com:443"));
    assertThat(policy.refusalOfLookup("example.com")).isEmpty();
    assertThat(policy.refusalOfLookup("example.org")).isPresent();
  }

  @Test
  void anAllowedNameStillMayNotLeadToAPrivateAddress() {
    EgressPolicy policy = policy(SandboxOptions.builder().allowNet("example.com"));
    assertThat(policy.refusalOfAddress(PUBLIC, 443)).isEmpty();
    assertThat(policy.refusalOfAddress(PRIVATE, 443)).isPresent();
    assertThat(policy.refusalOfAddress(InetAddress.getLoopbackAddress(), 443)).isPresent();
  }

  @Test
  void aPrivateAddressThatIsNamedIsAllowedAtItsPort() {
    EgressPolicy policy = policy(SandboxOptions.builder().allowNet("db.example", "10.0.0.5:5432"));
    assertThat(policy.refusalOfAddress(PRIVATE, 5432)).isEmpty();
    assertThat(policy.refusalOfAddress(PRIVATE, 22)).isPresent();
  }

  @Test
  void aNameThatLooksLikeAnAllowedAddressIsNotOne() {
    EgressPolicy policy = policy(SandboxOptions.builder().allowNet("192.0.2.7"));
    assertThat(policy.refusalOfTarget("192.0.2.7", true, 80)).isPresent();
    assertThat(policy.refusalOfLookup("192.0.2.7")).isPresent();
  }

  @Test
  void connectToAppliesToItsHostAndPort() {
    EgressPolicy policy =
        policy(SandboxOptions.builder().connectTo("API.example.com:443:127.0.0.1:8443"));
    assertThat(policy.redirection("api.example.com", 443))
        .hasValueSatisfying(to -> assertThat(to.addressPort()).isEqualTo(8443));
    assertThat(policy.redirection("api.example.com", 80)).isEmpty();
    assertThat(policy.redirection("www.example.com", 443)).isEmpty();
    assertThat(policy.isRedirected("api.example.com")).isTrue();
    assertThat(policy.isRedirected("www.example.com")).isFalse();
  }

  @Test
  void connectToOfAnIpv6HostAppliesHoweverTheAddressIsWritten() {
    EgressPolicy policy =
        policy(SandboxOptions.builder().connectTo("[2001:db8::1]:443:127.0.0.1:8443"));
    String asked = InetAddress.ofLiteral("2001:db8::1").getHostAddress();
    assertThat(policy.redirection(asked, 443)).isPresent();
  }

  @Test
  void connectToDoesNotAllow() {
    EgressPolicy policy =
        policy(
            SandboxOptions.builder()
                .allowNet("other.example")
                .connectTo("api.example.com:443:127.0.0.1:8443"));
    assertThat(policy.refusalOfTarget("api.example.com", true, 443)).isPresent();
    assertThat(policy.refusalOfLookup("api.example.com")).isPresent();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"127.0.0.1", "127.9.9.9:80", "[::1]", "[::1]:443", "localhost:8080", "0.0.0.0"})
  void whatIsTheGuestItselfCannotBeAllowed(String pattern) {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> policy(SandboxOptions.builder().allowNet(pattern)))
        .withMessageContaining("allow-net '" + pattern + "'")
        .withMessageContaining("connect-to");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "bad..host:80:127.0.0.1:80",
        "good.example:80:bad..host:80",
        "1.2.3:80:127.0.0.1:80",
        "good.example:80:1.2.3:80",
        "host.123:80:127.0.0.1:80"
      })
  void connectToNeedsNamesOrAddresses(String redirection) {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> policy(SandboxOptions.builder().connectTo(redirection)))
        .withMessageContaining("connect-to " + redirection)
        .withMessageContaining("neither a host name nor an address");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"0x7f.0.0.0x1:80:10.0.0.1:80", "a.example:80:017700000001:80", "a:80:127.1:80"})
  void connectToNeedsAddressesInDottedForm(String redirection) {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> policy(SandboxOptions.builder().connectTo(redirection)))
        .withMessageContaining("four decimal numbers");
  }

  @Test
  void connectToNeedsNamesInAscii() {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> SandboxOptions.builder().connectTo("bücher.example:80:10.0.0.1:80"))
        .withMessageContaining("xn--bcher-kva.example");
  }

  @ParameterizedTest
  @ValueSource(strings = {"bücher.example", "１２７.０.０.１:443"})
  void hostsOfSecretsAreWrittenInAscii(String host) {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> EgressPolicy.hostsOf("KEY", List.of(host)))
        .withMessageContaining("secret KEY: '" + host + "'")
        .withMessageContaining("punycode");
  }

  @ParameterizedTest
  @ValueSource(strings = {"0x7f.0.0.0x1", "127.1", "2130706433:443", "127.0.0.1"})
  void hostsOfSecretsAreNoAddresses(String host) {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> EgressPolicy.hostsOf("KEY", List.of(host)))
        .withMessageContaining("secret KEY: '" + host + "'");
  }

  @Test
  void connectToOfTheGuestItselfIsRefused() {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> policy(SandboxOptions.builder().connectTo("localhost:80:10.0.0.1:80")))
        .withMessageContaining("connect-to 'localhost'");
  }

  @Test
  void aPatternThatIsNoneIsNamed() {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> policy(SandboxOptions.builder().allowNet("example.com", "http://x")))
        .withMessageContaining("http://x");
  }

  @Test
  void anAllowListHasABound() {
    assertThat(policy(SandboxOptions.builder().allowNet(Collections.nCopies(1000, "a"))))
        .isNotNull();
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> policy(SandboxOptions.builder().allowNet(Collections.nCopies(1001, "a"))))
        .withMessageContaining("1000");
  }

  @Test
  void secretsWhoseHostsAreNotAllowedAreFound() {
    Secret secret = Secret.of("a value", "a.example:443", "*.b.example", "c.example");
    SandboxOptions.Builder options = SandboxOptions.builder().secret("KEY", secret);
    assertThat(EgressPolicy.secretsOutOfReach(options.build())).isEmpty();
    options.allowNet("a.example", "x.b.example:80", "c.example.org");
    assertThat(EgressPolicy.secretsOutOfReach(options.build()))
        .containsExactly(Map.entry("KEY", List.of("c.example")));
    SandboxOptions none = SandboxOptions.builder().noNet().secret("KEY", secret).build();
    assertThat(EgressPolicy.secretsOutOfReach(none))
        .containsExactly(Map.entry("KEY", secret.hosts()));
  }

  private static EgressPolicy policy(SandboxOptions.Builder options) {
    return EgressPolicy.of(options.build());
  }
}
