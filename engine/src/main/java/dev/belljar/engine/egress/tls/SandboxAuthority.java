package dev.belljar.engine.egress.tls;

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
import java.util.LinkedHashMap;
import java.util.Map;
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
import org.bouncycastle.cert.jcajce.JcaX509ExtensionUtils;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/**
 * The certificate authority of one sandbox, which nobody but that sandbox trusts. Its key is made
 * for it and is in this process's memory only.
 */
public final class SandboxAuthority {
  /** As long as a sandbox may live, and a day. */
  private static final Duration VALID_FOR = Duration.ofDays(366);

  /** A guest's clock may be behind. */
  private static final Duration VALID_BEFORE = Duration.ofDays(1);

  private static final int MOST_CONTEXTS = 64;
  private static final String SIGNATURE = "SHA256withECDSA";

  private final SecureRandom random;
  private final X500Name name;
  private final KeyPair keys;
  private final KeyPair serverKeys;
  private final X509Certificate certificate;
  private final Map<String, SSLContext> contexts =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, SSLContext> eldest) {
          return size() > MOST_CONTEXTS;
        }
      };

  /** Makes the keys. */
  public SandboxAuthority(String sandbox, SecureRandom random) {
    this.random = random;
    name = new X500Name("CN=Belljar sandbox " + sandbox);
    try {
      keys = newKeys();
      serverKeys = newKeys();
      JcaX509ExtensionUtils extensions = new JcaX509ExtensionUtils();
      certificate =
          signed(
              builder(name, keys)
                  .addExtension(Extension.basicConstraints, true, new BasicConstraints(0))
                  .addExtension(
                      Extension.keyUsage,
                      true,
                      new KeyUsage(KeyUsage.keyCertSign | KeyUsage.cRLSign))
                  .addExtension(
                      Extension.subjectKeyIdentifier,
                      false,
                      extensions.createSubjectKeyIdentifier(keys.getPublic())));
    } catch (IOException | OperatorCreationException | GeneralSecurityException e) {
      throw new IllegalStateException("This JDK cannot make certificates", e);
    }
  }

  /** Its certificate as PEM text, for the guest's trust stores. */
  public String pem() {
    StringWriter text = new StringWriter();
    try (JcaPEMWriter pem = new JcaPEMWriter(text)) {
      pem.writeObject(certificate);
    } catch (IOException e) {
      throw new IllegalStateException("This JDK cannot encode certificates", e);
    }
    return text.toString();
  }

  /**
   * What it takes to be that host for whoever believes this authority; made once for each of the
   * last hosts.
   */
  public synchronized SSLContext contextFor(String host) {
    return contexts.computeIfAbsent(host, this::newContext);
  }

  private SSLContext newContext(String host) {
    try {
      JcaX509ExtensionUtils extensions = new JcaX509ExtensionUtils();
      X509Certificate server =
          signed(
              // A subject may have 64 characters; the name that counts is the alternative one.
              builder(new X500Name("CN=Belljar"), serverKeys)
                  .addExtension(Extension.basicConstraints, true, new BasicConstraints(false))
                  .addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.digitalSignature))
                  .addExtension(
                      Extension.extendedKeyUsage,
                      false,
                      new ExtendedKeyUsage(KeyPurposeId.id_kp_serverAuth))
                  .addExtension(
                      Extension.authorityKeyIdentifier,
                      false,
                      extensions.createAuthorityKeyIdentifier(certificate))
                  .addExtension(
                      Extension.subjectAlternativeName,
                      false,
                      new GeneralNames(new GeneralName(GeneralName.dNSName, host))));
      KeyStore store = KeyStore.getInstance("PKCS12");
      store.load(null, null);
      Certificate[] chain = {server, certificate};
      store.setKeyEntry("server", serverKeys.getPrivate(), new char[0], chain);
      KeyManagerFactory managers =
          KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      managers.init(store, new char[0]);
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(managers.getKeyManagers(), null, random);
      return context;
    } catch (IOException | OperatorCreationException | GeneralSecurityException e) {
      throw new IllegalStateException("This JDK cannot make certificates", e);
    }
  }

  private JcaX509v3CertificateBuilder builder(X500Name subject, KeyPair subjectKeys) {
    Instant from = Instant.now().minus(VALID_BEFORE);
    return new JcaX509v3CertificateBuilder(
        name,
        new BigInteger(120, random),
        Date.from(from),
        Date.from(from.plus(VALID_FOR)),
        subject,
        subjectKeys.getPublic());
  }

  private X509Certificate signed(X509v3CertificateBuilder builder)
      throws OperatorCreationException, GeneralSecurityException {
    return new JcaX509CertificateConverter()
        .getCertificate(
            builder.build(new JcaContentSignerBuilder(SIGNATURE).build(keys.getPrivate())));
  }

  private KeyPair newKeys() throws GeneralSecurityException {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
    generator.initialize(256, random);
    return generator.generateKeyPair();
  }
}
