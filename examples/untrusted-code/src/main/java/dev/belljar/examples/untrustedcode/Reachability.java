package dev.belljar.examples.untrustedcode;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;

/** Whether a TLS server can be reached directly, as a sandbox's connections are. */
final class Reachability {
  /** Enough for every network that would be fast enough for the demo. */
  private static final Duration LIMIT = Duration.ofSeconds(3);

  private Reachability() {}

  /** What stands between this host and a server; empty where a TLS connection to it works. */
  static Optional<String> obstacleTo(String host, int port) {
    // On a thread of its own: looking up a name has no time limit that could be set.
    var attempt = new FutureTask<>(() -> connect(host, port));
    Thread.ofVirtual().name("reaching " + host).start(attempt);
    try {
      return attempt.get(LIMIT.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      return Optional.of("no answer within " + LIMIT.toSeconds() + " s");
    } catch (ExecutionException e) {
      return Optional.of(String.valueOf(e.getCause()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Optional.of("interrupted");
    } finally {
      attempt.cancel(true);
    }
  }

  private static Optional<String> connect(String host, int port) {
    try (Socket plain = new Socket()) {
      plain.connect(new InetSocketAddress(host, port), (int) LIMIT.toMillis());
      plain.setSoTimeout((int) LIMIT.toMillis());
      var factory = (SSLSocketFactory) SSLSocketFactory.getDefault();
      try (var tls = (SSLSocket) factory.createSocket(plain, host, port, true)) {
        SSLParameters parameters = tls.getSSLParameters();
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        tls.setSSLParameters(parameters);
        tls.startHandshake();
        return Optional.empty();
      }
    } catch (UnknownHostException e) {
      return Optional.of("its name is not known here");
    } catch (IOException e) {
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }
}
