package dev.belljar.server;

import dev.belljar.InvalidOptionException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.InvalidKeyException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.SignatureException;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.eclipse.jetty.util.ssl.SslContextFactory;

/** The certificate and key that a server shows, from files in PEM. */
final class ServerCertificate {
  private static final Pattern KEY =
      Pattern.compile("-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\\s]+)-----END PRIVATE KEY-----");

  /** What each kind of key signs with. */
  private static final Map<String, String> SIGNATURES =
      Map.of("RSA", "SHA256withRSA", "EC", "SHA256withECDSA");

  private ServerCertificate() {}

  static SslContextFactory.Server read(ServerConfig.Tls files) {
    try {
      KeyStore keys = KeyStore.getInstance("PKCS12");
      keys.load(null, null);
      Certificate[] chain = chain(files.certificate());
      PrivateKey key = key(files.key());
      check(files, chain[0].getPublicKey(), key);
      keys.setKeyEntry("server", key, new char[0], chain);
      SslContextFactory.Server context = new SslContextFactory.Server();
      context.setKeyStore(keys);
      context.setKeyStorePassword("");
      return context;
    } catch (IOException e) {
      throw new InvalidOptionException("A file for TLS cannot be read: " + e, e);
    } catch (GeneralSecurityException e) {
      throw new InvalidOptionException(
          "Certificate and key cannot be used for TLS: " + e.getMessage(), e);
    }
  }

  /** Otherwise the server would start, and every client would fail. */
  private static void check(ServerConfig.Tls files, PublicKey certified, PrivateKey key)
      throws GeneralSecurityException {
    byte[] text = "the same pair".getBytes(StandardCharsets.US_ASCII);
    String algorithm = SIGNATURES.getOrDefault(key.getAlgorithm(), key.getAlgorithm());
    boolean fits;
    try {
      Signature signature = Signature.getInstance(algorithm);
      signature.initSign(key);
      signature.update(text);
      byte[] signed = signature.sign();
      signature.initVerify(certified);
      signature.update(text);
      fits = signature.verify(signed);
    } catch (InvalidKeyException | SignatureException e) {
      // The certificate is for a key of another kind or size.
      fits = false;
    }
    if (!fits) {
      throw new InvalidOptionException(
          "The key "
              + files.key()
              + " is not that of the certificate "
              + files.certificate()
              + "; its first certificate must be the server's own.");
    }
  }

  private static Certificate[] chain(Path file) throws IOException, GeneralSecurityException {
    try (InputStream in = Files.newInputStream(file)) {
      Certificate[] chain =
          CertificateFactory.getInstance("X.509")
              .generateCertificates(in)
              .toArray(new Certificate[0]);
      if (chain.length == 0) {
        throw new InvalidOptionException(file + " holds no certificate; it must be PEM.");
      }
      return chain;
    }
  }

  private static PrivateKey key(Path file) throws IOException {
    Matcher matcher = KEY.matcher(Files.readString(file, StandardCharsets.US_ASCII));
    if (!matcher.find()) {
      throw new InvalidOptionException(
          file
              + " holds no private key that can be read. It must be PKCS #8 without a password; convert it with:"
              + " openssl pkcs8 -topk8 -nocrypt -in "
              + file);
    }
    byte[] bytes = Base64.getMimeDecoder().decode(matcher.group(1));
    for (String algorithm : List.of("RSA", "EC", "EdDSA")) {
      try {
        return KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(bytes));
      } catch (GeneralSecurityException e) {
        // It is of another kind.
      }
    }
    throw new InvalidOptionException(
        file + " holds a private key that is neither RSA nor EC nor EdDSA.");
  }
}
