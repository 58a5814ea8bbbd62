package dev.belljar.server;

import dev.belljar.InvalidOptionException;
import dev.belljar.PoolOptions;
import dev.belljar.SandboxOptions;
import dev.belljar.SandboxOptions.ConnectTo;
import dev.belljar.server.sandboxes.Limits;
import dev.belljar.server.store.StoreConfig;
import dev.belljar.spi.Tenant;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * How a server is run. Immutable.
 *
 * @param host the address to listen on; default {@code 127.0.0.1}
 * @param port 0 to 65535; 0 is any that is free, default 8460
 * @param data the directory for what the server remembers, volumes and snapshots among it
 * @param store the database
 * @param tls certificate and key; without, plain HTTP
 * @param limits of an organization that has none of its own
 * @param organizations limits of single organizations
 * @param drain how long sandboxes with a lifetime may go on after the server was told to end;
 *     default 30 s
 * @param retention how long sandboxes that have ended are listed; default 7 days
 * @param volumeGrace how long the data of deleted volumes is kept; default 24 hours
 * @param connectTo added to every sandbox: where connections to a host are dialled instead, for
 *     hosts that have another address inside than outside. Which hosts a sandbox may reach is still
 *     decided by the names that it uses
 * @param caCertificates added to every sandbox: PEM texts of authorities that it trusts besides the
 *     public ones, for example a company's own
 * @param pool machines that wait for sandboxes; two to eight of the default size unless told
 *     otherwise
 */
public record ServerConfig(
    String host,
    int port,
    Path data,
    StoreConfig store,
    Optional<Tls> tls,
    Limits limits,
    Map<String, Limits> organizations,
    Duration drain,
    Duration retention,
    Duration volumeGrace,
    List<ConnectTo> connectTo,
    List<String> caCertificates,
    Optional<PoolOptions> pool) {

  /** The default port. */
  public static final int PORT = 8460;

  /** Checks the bounds. */
  public ServerConfig {
    organizations = Map.copyOf(organizations);
    connectTo = List.copyOf(connectTo);
    caCertificates = List.copyOf(caCertificates);
    addTo(SandboxOptions.builder(), connectTo, caCertificates).build();
    if (host.isBlank()) {
      throw new InvalidOptionException("The server needs an address to listen on.");
    }
    if (port < 0 || port > 65_535) {
      throw new InvalidOptionException("Port " + port + " cannot be: 0 to 65535.");
    }
    if (drain.isNegative() || retention.isNegative() || volumeGrace.isNegative()) {
      throw new InvalidOptionException("drain, retention and volume_grace cannot be negative.");
    }
  }

  /**
   * Files in PEM.
   *
   * @param certificate the certificate, followed by those that lead to its authority
   * @param key its private key, PKCS #8, without a password
   */
  public record Tls(Path certificate, Path key) {}

  /** The defaults, with everything in {@code data}. */
  public static ServerConfig of(Path data) {
    return new ServerConfig(
        "127.0.0.1",
        PORT,
        data,
        StoreConfig.embedded(data),
        Optional.empty(),
        Limits.DEFAULT,
        Map.of(),
        Duration.ofSeconds(30),
        Duration.ofDays(7),
        Duration.ofHours(24),
        List.of(),
        List.of(),
        Optional.of(PoolOptions.DEFAULT));
  }

  /** The same, listening elsewhere. */
  public ServerConfig at(String address, int portNumber) {
    return new ServerConfig(
        address,
        portNumber,
        data,
        store,
        tls,
        limits,
        organizations,
        drain,
        retention,
        volumeGrace,
        connectTo,
        caCertificates,
        pool);
  }

  /** The same with other limits for everybody. */
  public ServerConfig with(Limits everybody) {
    return new ServerConfig(
        host,
        port,
        data,
        store,
        tls,
        everybody,
        organizations,
        drain,
        retention,
        volumeGrace,
        connectTo,
        caCertificates,
        pool);
  }

  /** The same with this for every sandbox. */
  public ServerConfig with(List<ConnectTo> redirections, List<String> certificates) {
    return new ServerConfig(
        host,
        port,
        data,
        store,
        tls,
        limits,
        organizations,
        drain,
        retention,
        volumeGrace,
        redirections,
        certificates,
        pool);
  }

  /** The same with other machines that wait, or none. */
  public ServerConfig with(Optional<PoolOptions> machines) {
    return new ServerConfig(
        host,
        port,
        data,
        store,
        tls,
        limits,
        organizations,
        drain,
        retention,
        volumeGrace,
        connectTo,
        caCertificates,
        machines);
  }

  /** Adds what the operator gives to every sandbox. */
  void addTo(SandboxOptions.Builder sandbox) {
    addTo(sandbox, connectTo, caCertificates);
  }

  private static SandboxOptions.Builder addTo(
      SandboxOptions.Builder sandbox, List<ConnectTo> redirections, List<String> certificates) {
    redirections.forEach(sandbox::connectTo);
    certificates.forEach(sandbox::caCertificate);
    return sandbox;
  }

  /** Whose volumes and snapshots those of an organization are: kept beside the database. */
  Tenant tenantOf(String organization) {
    return new Tenant(
        organization,
        Optional.of(data.toAbsolutePath().normalize().resolve("storage")),
        limitsOf(organization).storage(),
        Optional.of(volumeGrace));
  }

  Limits limitsOf(String organization) {
    return organizations.getOrDefault(organization, limits);
  }
}
