package dev.belljar.engine;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/** A certificate authority and a server's certificate, made with the JDK's keytool. */
final class TestAuthority {
  private static final String PASSWORD = "changeit";
  private final Path directory;
  private final Path store;

  TestAuthority(Path directory, String serverName) throws IOException {
    this.directory = directory;
    store = directory.resolve("store.p12");
    keytool(
        "-genkeypair",
        "-alias",
        "ca",
        "-dname",
        "CN=Test CA",
        "-ext",
        "bc:c=ca:true",
        "-ext",
        "ku:c=keyCertSign");
    keytool("-exportcert", "-alias", "ca", "-rfc", "-file", file("ca.pem"));
    keytool("-genkeypair", "-alias", "server", "-dname", "CN=" + serverName);
    keytool("-certreq", "-alias", "server", "-file", file("server.csr"));
    keytool(
        "-gencert",
        "-alias",
        "ca",
        "-rfc",
        "-infile",
        file("server.csr"),
        "-outfile",
        file("server.pem"),
        "-ext",
        "san=dns:" + serverName,
        "-ext",
        "eku=serverAuth");
    keytool("-importcert", "-noprompt", "-alias", "server", "-file", file("server.pem"));
  }

  /** What a client has to trust. */
  String pem() throws IOException {
    return Files.readString(directory.resolve("ca.pem"));
  }

  /** What a server of that name uses. */
  SSLContext serverContext() throws IOException, GeneralSecurityException {
    KeyStore keys = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(store)) {
      keys.load(in, PASSWORD.toCharArray());
    }
    keys.deleteEntry("ca");
    KeyManagerFactory managers =
        KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    managers.init(keys, PASSWORD.toCharArray());
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(managers.getKeyManagers(), null, null);
    return context;
  }

  private String file(String name) {
    return directory.resolve(name).toString();
  }

  private void keytool(String... arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "keytool").toString());
    command.addAll(List.of(arguments));
    command.addAll(List.of("-keystore", store.toString(), "-storepass", PASSWORD));
    if (arguments[0].equals("-genkeypair")) {
      command.addAll(List.of("-keyalg", "EC", "-groupname", "secp256r1", "-validity", "30"));
    }
    Process keytool = new ProcessBuilder(command).redirectErrorStream(true).start();
    keytool.getOutputStream().close();
    String said = new String(keytool.getInputStream().readAllBytes(), UTF_8);
    try {
      if (keytool.waitFor() != 0) {
        throw new IOException("keytool failed: " + said);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new java.io.InterruptedIOException("interrupted");
    }
  }
}
