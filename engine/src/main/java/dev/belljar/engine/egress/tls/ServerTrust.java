package dev.belljar.engine.egress.tls;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;

/**
 * Whom this host believes about a server: the authorities of its system, or those that the Java
 * property {@code javax.net.ssl.trustStore} names, or, where there are neither, the JDK's; and
 * those that the sandbox was made with.
 */
public final class ServerTrust {
  /** Where distributions keep their bundle. */
  private static final List<Path> BUNDLES =
      List.of(
          Path.of("/etc/ssl/certs/ca-certificates.crt"),
          Path.of("/etc/pki/tls/certs/ca-bundle.crt"),
          Path.of("/etc/ssl/ca-bundle.pem"),
          Path.of("/etc/ssl/cert.pem"));

  private static final String PROPERTY = "javax.net.ssl.trustStore";

  private final List<String> more;
  private @Nullable SSLContext context;

  /** With more authorities, as PEM texts. */
  public ServerTrust(List<String> more) {
    this.more = List.copyOf(more);
  }

  /** Connections that believe them; read from the host once for each sandbox. */
  synchronized SSLContext context() throws IOException {
    if (context == null) {
      try {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        int number = add(store, 0, ofHost());
        for (String pem : more) {
          number =
              add(store, number, new ByteArrayInputStream(pem.getBytes(StandardCharsets.UTF_8)));
        }
        if (number == 0 || System.getProperty(PROPERTY) != null) {
          addDefault(store, number);
        }
        TrustManagerFactory trust =
            TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext made = SSLContext.getInstance("TLS");
        made.init(null, trust.getTrustManagers(), null);
        context = made;
      } catch (GeneralSecurityException e) {
        throw new IOException("this host's certificate authorities cannot be read", e);
      }
    }
    return context;
  }

  private static InputStream ofHost() throws IOException {
    Optional<Path> bundle = BUNDLES.stream().filter(Files::isReadable).findFirst();
    return bundle.isPresent() && System.getProperty(PROPERTY) == null
        ? new ByteArrayInputStream(Files.readAllBytes(bundle.get()))
        : InputStream.nullInputStream();
  }

  private static int add(KeyStore store, int from, InputStream pems)
      throws GeneralSecurityException, IOException {
    int number = from;
    try (pems) {
      for (Certificate authority :
          CertificateFactory.getInstance("X.509").generateCertificates(pems)) {
        store.setCertificateEntry("authority-" + number++, authority);
      }
    }
    return number;
  }

  private static void addDefault(KeyStore store, int from) throws GeneralSecurityException {
    TrustManagerFactory trust =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init((KeyStore) null);
    int number = from;
    for (var manager : trust.getTrustManagers()) {
      if (manager instanceof javax.net.ssl.X509TrustManager x509) {
        for (Certificate authority : x509.getAcceptedIssuers()) {
          store.setCertificateEntry("authority-" + number++, authority);
        }
      }
    }
  }
}
