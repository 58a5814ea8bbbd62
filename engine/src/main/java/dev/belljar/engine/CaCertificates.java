package dev.belljar.engine;

import dev.belljar.InvalidOptionException;
import dev.belljar.engine.agent.AgentErrorException;
import dev.belljar.engine.agent.AgentFiles;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.util.List;
import java.util.Map;

/**
 * Certificate authorities that a guest trusts besides the public ones: Deno, Node.js, Python, curl
 * and git alike.
 */
final class CaCertificates {
  private static final String BUNDLE = "/etc/ssl/certs/ca-certificates.crt";
  private static final String OWN = "/etc/ssl/certs/belljar.pem";

  /** Where OpenSSL looks when it is told nothing; Debian has no file there. */
  private static final String OPENSSL_DEFAULT = "/usr/lib/ssl/cert.pem";

  /** Those that do not look at the system's bundle of their own accord. */
  private static final Map<String, String> ENVIRONMENT =
      Map.of(
          "NODE_EXTRA_CA_CERTS", OWN,
          "DENO_CERT", OWN,
          "SSL_CERT_FILE", BUNDLE,
          "REQUESTS_CA_BUNDLE", BUNDLE);

  private static final int ROOT = 0;
  private static final int EEXIST = 17;

  private CaCertificates() {}

  /** What processes must have in their environment where there are such authorities. */
  static Map<String, String> environment(List<String> pems) {
    return pems.isEmpty() ? Map.of() : ENVIRONMENT;
  }

  /** Checks that they are certificates. */
  static void check(List<String> pems) {
    for (String pem : pems) {
      try {
        var certificates =
            CertificateFactory.getInstance("X.509")
                .generateCertificates(
                    new ByteArrayInputStream(pem.getBytes(StandardCharsets.US_ASCII)));
        if (certificates.isEmpty()) {
          throw new InvalidOptionException(
              "A CA certificate holds no certificate; it must be PEM text.");
        }
      } catch (CertificateException e) {
        throw new InvalidOptionException(
            "A CA certificate cannot be read as PEM: " + e.getMessage(), e);
      }
    }
  }

  /** Writes them into the guest's trust stores. */
  static void install(AgentFiles files, List<String> pems) throws IOException, AgentErrorException {
    if (pems.isEmpty()) {
      return;
    }
    StringBuilder all = new StringBuilder();
    pems.forEach(pem -> all.append(pem.strip()).append('\n'));
    byte[] bytes = all.toString().getBytes(StandardCharsets.US_ASCII);
    write(files, OWN, bytes, false);
    write(files, BUNDLE, bytes, true);
    try {
      files.symbolicLink(ROOT, BUNDLE, OPENSSL_DEFAULT);
    } catch (AgentErrorException e) {
      if (e.errno() != EEXIST) {
        throw e;
      }
    }
  }

  private static void write(AgentFiles files, String path, byte[] bytes, boolean append)
      throws IOException, AgentErrorException {
    try (AgentFiles.Writing writing = files.write(ROOT, path, append, true, false, 0644, 022)) {
      writing.write(bytes, 0, bytes.length);
      writing.finish();
    }
  }
}
