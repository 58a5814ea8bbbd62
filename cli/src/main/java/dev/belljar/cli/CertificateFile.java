package dev.belljar.cli;

import dev.belljar.InvalidOptionException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;

/** A file of certificate authorities, as {@code --ca-cert} names it. */
final class CertificateFile {
  private static final String BEGIN = "-----BEGIN CERTIFICATE-----";

  private CertificateFile() {}

  /**
   * Its PEM text.
   *
   * @throws InvalidOptionException where there is no such file or no certificate in it
   */
  static String read(String name) throws IOException {
    Path file = LocalPath.of(name);
    if (Files.isDirectory(file)) {
      throw new InvalidOptionException("--ca-cert " + name + " is a directory. Name a file in it.");
    }
    if (!Files.isRegularFile(file) || !Files.isReadable(file)) {
      throw new InvalidOptionException(
          "--ca-cert " + name + ": there is no such file, or this user cannot read it.");
    }
    // Latin-1 accepts every byte: what stands around the certificates may be anything.
    String text = Files.readString(file, StandardCharsets.ISO_8859_1);
    if (!text.contains(BEGIN)) {
      throw new InvalidOptionException(
          "--ca-cert "
              + name
              + ": there is no PEM certificate in it. A DER file becomes one with: openssl x509"
              + " -inform der -in FILE");
    }
    check(name, text);
    return text;
  }

  /** The guest's programs pass over what they cannot read, and the user would wonder why. */
  private static void check(String name, String text) {
    byte[] bytes = text.substring(text.indexOf(BEGIN)).getBytes(StandardCharsets.ISO_8859_1);
    try {
      CertificateFactory.getInstance("X.509").generateCertificates(new ByteArrayInputStream(bytes));
    } catch (CertificateException e) {
      throw new InvalidOptionException(
          "--ca-cert " + name + ": a certificate in it cannot be read (" + e.getMessage() + ").",
          e);
    }
  }
}
