package dev.belljar.engine.egress.tls;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;

/** TLS on both sides of a connection whose requests are to be seen; HTTP/1.1 only, either way. */
public final class Tls {
  private static final String[] PROTOCOLS = {"http/1.1"};

  /** "unrecognized_name", fatal (RFC 8446, 6.2). */
  private static final byte[] UNRECOGNIZED_NAME = {21, 3, 3, 0, 2, 2, 112};

  private Tls() {}

  /** What a client understands as: not for this name. */
  public static byte[] refusal() {
    return UNRECOGNIZED_NAME.clone();
  }

  /** Becomes the server for a guest. */
  public static SSLSocket accept(
      SandboxAuthority authority, String host, InputStream in, OutputStream out)
      throws IOException {
    SSLSocket tls =
        (SSLSocket)
            authority
                .contextFor(host)
                .getSocketFactory()
                .createSocket(new StreamSocket(in, out), InputStream.nullInputStream(), true);
    tls.setUseClientMode(false);
    SSLParameters parameters = tls.getSSLParameters();
    parameters.setApplicationProtocols(PROTOCOLS);
    parameters.setCipherSuites(quickestFirst(parameters.getCipherSuites()));
    parameters.setUseCipherSuitesOrder(true);
    tls.setSSLParameters(parameters);
    tls.startHandshake();
    return tls;
  }

  /**
   * What a guest decodes quickest comes first: an emulated processor has no instructions for AES
   * that are worth the name, and a real one is quick at either.
   */
  private static String[] quickestFirst(String[] suites) {
    return Stream.of(suites)
        .sorted(Comparator.comparing((String suite) -> !suite.contains("CHACHA20")))
        .toArray(String[]::new);
  }

  /** Becomes a client of the server, which must prove that it is that host. */
  public static SSLSocket connect(
      ServerTrust trust, String host, int port, InputStream in, OutputStream out)
      throws IOException {
    SSLSocket tls =
        (SSLSocket)
            trust
                .context()
                .getSocketFactory()
                .createSocket(new StreamSocket(in, out), host, port, true);
    SSLParameters parameters = tls.getSSLParameters();
    parameters.setEndpointIdentificationAlgorithm("HTTPS");
    parameters.setServerNames(List.of(serverName(host)));
    parameters.setApplicationProtocols(PROTOCOLS);
    tls.setSSLParameters(parameters);
    tls.startHandshake();
    return tls;
  }

  private static SNIHostName serverName(String host) throws IOException {
    try {
      return new SNIHostName(host);
    } catch (IllegalArgumentException e) {
      throw new IOException("'" + host + "' is no name that a certificate can have", e);
    }
  }
}
