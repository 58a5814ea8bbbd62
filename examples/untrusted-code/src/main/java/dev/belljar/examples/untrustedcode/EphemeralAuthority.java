package dev.belljar.examples.untrustedcode;

import java.io.IOException;
import java.io.StringWriter;
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.SecureRandom;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.X509v3CertificateBuilder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/**
 * A certificate authority that exists in memory for a day at most. Its private key never leaves the
 * process, so that no sandbox that trusts it can be fooled by anybody else.
 */
final class EphemeralAuthority {
  private static final X500Name NAME = new X500Name("CN=Belljar demo authority");
  private static final Duration VALID_FOR = Duration.ofDays(1);

  private final KeyPair keys;
  private final X509Certificate certificate;

  EphemeralAuthority() {
    keys = newKeys();
    try {
      var builder =
          builder(NAME, keys, BigInteger.ONE)
              .addExtension(Extension.basicConstraints, true, new BasicConstraints(0))
              .addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.keyCertSign));
      certificate = sign(builder);
    } catch (IOException | OperatorCreationException | GeneralSecurityException e) {
      throw new IllegalStateException("This JDK cannot make certificates", e);
    }
  }

  /** Its certificate as PEM text. */
  String pem() {
    var text = new StringWriter();
    try (var pem = new JcaPEMWriter(text)) {
      pem.writeObject(certificate);
    } catch (IOException e) {
      throw new IllegalStateException("This JDK cannot encode certificates", e);
    }
    return text.toString();
  }

  /** What a TLS server needs to be that host for all who trust this authority. */
  SSLContext serverContext(String host) {
    try {
      KeyPair serverKeys = newKeys();
      // Clients insist on a server certificate that is no authority itself.
      var builder =
          builder(new X500Name("CN=" + host), serverKeys, BigInteger.TWO)
              .addExtension(Extension.basicConstraints, true, new BasicConstraints(false))
              .addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.digitalSignature))
              .addExtension(
                  Extension.extendedKeyUsage,
                  false,
                  new ExtendedKeyUsage(KeyPurposeId.id_kp_serverAuth))
              .addExtension(
                  Extension.subjectAlternativeName,
                  false,
                  new GeneralNames(new GeneralName(GeneralName.dNSName, host)));
      KeyStore store = KeyStore.getInstance("PKCS12");
      store.load(null, null);
      Certificate[] chain = {sign(builder), certificate};
      store.setKeyEntry(host, serverKeys.getPrivate(), new char[0], chain);
      var keyManagers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      keyManagers.init(store, new char[0]);
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(keyManagers.getKeyManagers(), null, null);
      return context;
    } catch (IOException | OperatorCreationException | GeneralSecurityException e) {
      throw new IllegalStateException("This JDK cannot make certificates", e);
    }
  }

  private static JcaX509v3CertificateBuilder builder(
      X500Name subject, KeyPair subjectKeys, BigInteger serial) {
    // From an hour ago: the clock of the one who checks may be behind.
    Instant from = Instant.now().minus(Duration.ofHours(1));
    return new JcaX509v3CertificateBuilder(
        NAME,
        serial,
        Date.from(from),
        Date.from(from.plus(VALID_FOR)),
        subject,
        subjectKeys.getPublic());
  }

  private X509Certificate sign(X509v3CertificateBuilder builder)
      throws OperatorCreationException, GeneralSecurityException {
    var signer = new JcaContentSignerBuilder("SHA256withECDSA").build(keys.getPrivate());
    return new JcaX509CertificateConverter().getCertificate(builder.build(signer));
  }

  private static KeyPair newKeys() {
    try {
      KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
      generator.initialize(256, new SecureRandom());
      return generator.generateKeyPair();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("This JDK cannot make keys", e);
    }
  }
}
