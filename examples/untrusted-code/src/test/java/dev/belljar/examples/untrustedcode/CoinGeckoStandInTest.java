package dev.belljar.examples.untrustedcode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.Test;

class CoinGeckoStandInTest {
  @Test
  void answersAsCoinGeckoDoesToWhoTrustsItsAuthority() throws Exception {
    try (var standIn = CoinGeckoStandIn.start()) {
      String answer =
          get(standIn, trusting(standIn), "/api/v3/simple/price?ids=bitcoin&vs_currencies=usd,eur");

      assertThat(answer)
          .startsWith("HTTP/1.1 200")
          .endsWith("{\"bitcoin\":{\"eur\":61812.35,\"usd\":67187.34}}");
    }
  }

  @Test
  void refusesWhatItDoesNotPlay() throws Exception {
    try (var standIn = CoinGeckoStandIn.start()) {
      assertThat(get(standIn, trusting(standIn), "/api/v3/coins/list")).startsWith("HTTP/1.1 404");
      assertThat(get(standIn, trusting(standIn), "/api/v3/simple/price"))
          .startsWith("HTTP/1.1 422");
    }
  }

  @Test
  void foolsNobodyElse() throws Exception {
    try (var standIn = CoinGeckoStandIn.start()) {
      assertThatThrownBy(() -> get(standIn, SSLContext.getDefault(), "/api/v3/ping"))
          .isInstanceOf(SSLHandshakeException.class);
    }
  }

  private static SSLContext trusting(CoinGeckoStandIn standIn) throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    var pem = new ByteArrayInputStream(standIn.caCertificate().getBytes(StandardCharsets.UTF_8));
    store.setCertificateEntry(
        "ca", CertificateFactory.getInstance("X.509").generateCertificate(pem));
    var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(store);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    return context;
  }

  /** Names the host that is played, which the JDK's clients would look up. */
  private static String get(CoinGeckoStandIn standIn, SSLContext trust, String path)
      throws IOException {
    var plain = new Socket(InetAddress.ofLiteral("127.0.0.1"), standIn.port());
    try (var socket =
        (SSLSocket) trust.getSocketFactory().createSocket(plain, "api.coingecko.com", 443, true)) {
      SSLParameters parameters = socket.getSSLParameters();
      parameters.setEndpointIdentificationAlgorithm("HTTPS");
      socket.setSSLParameters(parameters);
      socket.startHandshake();
      var request = new PrintWriter(socket.getOutputStream(), false, StandardCharsets.UTF_8);
      request.print("GET " + path + " HTTP/1.1\r\nHost: api.coingecko.com\r\n");
      request.print("Connection: close\r\n\r\n");
      request.flush();
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
