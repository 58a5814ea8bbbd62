package dev.belljar;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * How a sandbox is made. Immutable; made by {@link #builder()}.
 *
 * @param memory the machine's memory; 768 MiB to 4096 MiB, default 1280 MiB
 * @param vcpus virtual processors; 1 to 16, default 2
 * @param timeout the lifetime, after which the sandbox is destroyed, at most 365 days; empty is
 *     Deno's {@code "session"}: until it is closed
 * @param env environment variables, added to the default ones
 * @param labels at most 5, for finding sandboxes again; keys of 1 to 64 bytes and values of at most
 *     128 characters
 * @param allowNet what it may reach; empty is the public internet. See {@link Builder#allowNet}
 * @param noNet whether it may reach nothing at all
 * @param connectTo where connections that policy allowed are dialled instead
 * @param secrets what it may use without seeing it, by the name of the environment variable that
 *     has the placeholder ({@code [A-Za-z_][A-Za-z0-9_]*}); at most 64
 * @param egressLimits how much it may do on the network
 * @param caCertificates PEM texts that the guest trusts besides the public authorities; a server
 *     that is sent a secret may be vouched for by them as well
 * @param workingDirectory where processes start and relative paths begin; default {@code /home/app}
 * @param processes how many processes and threads may exist at once; 16 to 32768, default 1024
 * @param root the volume or snapshot that it boots from, by id or slug; empty is the image, with a
 *     disk that is gone with the sandbox
 * @param checkpoint the checkpoint that it goes on from, by id or slug; memory, processors and
 *     disks are the checkpoint's then
 * @param volumes what is mounted, by absolute path: volumes by id or slug; at most 8
 * @param endpoint the server to make it on; empty is this host. {@link #builder()} takes what the
 *     environment says unless told otherwise
 */
public record SandboxOptions(
    ByteSize memory,
    int vcpus,
    Optional<Duration> timeout,
    Map<String, String> env,
    Map<String, String> labels,
    List<String> allowNet,
    boolean noNet,
    List<ConnectTo> connectTo,
    Map<String, Secret> secrets,
    EgressLimits egressLimits,
    List<String> caCertificates,
    String workingDirectory,
    int processes,
    Optional<String> root,
    Optional<String> checkpoint,
    Map<String, String> volumes,
    Optional<Endpoint> endpoint) {

  private static final Duration LONGEST_LIFETIME = Duration.ofDays(365);
  private static final int MOST_SECRETS = 64;
  private static final Pattern SECRET_NAME = Pattern.compile("[A-Za-z_][A-Za-z0-9_]*");

  /** Checks what can be checked without a host. */
  public SandboxOptions {
    env = Map.copyOf(env);
    labels = Map.copyOf(labels);
    allowNet = List.copyOf(allowNet);
    connectTo = List.copyOf(connectTo);
    secrets = Map.copyOf(secrets);
    caCertificates = List.copyOf(caCertificates);
    volumes = MountPaths.normalized(volumes);
    if (memory.bytes() < 768L << 20 || memory.bytes() > 4096L << 20) {
      throw new InvalidOptionException(
          "Memory of " + memory + " is out of bounds: 768 MiB to 4096 MiB.");
    }
    if (vcpus < 1 || vcpus > 16) {
      throw new InvalidOptionException(vcpus + " vCPUs are out of bounds: 1 to 16.");
    }
    timeout.ifPresent(
        lifetime -> {
          if (!lifetime.isPositive() || lifetime.compareTo(LONGEST_LIFETIME) > 0) {
            throw new InvalidOptionException(
                "A lifetime of "
                    + lifetime
                    + " is out of bounds: longer than nothing, 365 days at most.");
          }
        });
    env.forEach(SandboxEnv::check);
    checkSecrets(secrets, env);
    if (labels.size() > 5) {
      throw new InvalidOptionException("At most 5 labels, not " + labels.size() + ".");
    }
    caCertificates.forEach(SandboxOptions::checkCertificates);
    labels.forEach(
        (key, value) -> {
          if (key.isEmpty() || bytes(key) > 64 || bytes(value) > 128) {
            throw new InvalidOptionException(
                "Label '" + key + "': keys have 1 to 64 bytes, values at most 128.");
          }
        });
    if (checkpoint.isPresent() && (root.isPresent() || !volumes.isEmpty())) {
      throw new InvalidOptionException(
          "A sandbox that goes on from a checkpoint has that one's disks: it takes no root and no volumes.");
    }
    if (noNet && !allowNet.isEmpty()) {
      throw new InvalidOptionException("No network and an allow list exclude each other.");
    }
    if (!workingDirectory.startsWith("/") || workingDirectory.indexOf('\0') >= 0) {
      throw new InvalidOptionException(
          "The working directory must be an absolute path: '" + workingDirectory + "'");
    }
    if (processes < 16 || processes > 32_768) {
      throw new InvalidOptionException(
          "A limit of " + processes + " processes is out of bounds: 16 to 32768.");
    }
  }

  private static void checkSecrets(Map<String, Secret> secrets, Map<String, String> env) {
    if (secrets.size() > MOST_SECRETS) {
      throw new InvalidOptionException(
          "At most " + MOST_SECRETS + " secrets, not " + secrets.size() + ".");
    }
    for (String name : secrets.keySet()) {
      if (!SECRET_NAME.matcher(name).matches()) {
        // No shell could name others, and log lines list these names.
        throw new InvalidOptionException(
            "'"
                + (name.length() <= 64 ? name : name.substring(0, 64) + "…")
                + "' cannot name a secret: letters, digits and _, no digit first.");
      }
      if (env.containsKey(name)) {
        throw new InvalidOptionException(
            "'" + name + "' is an environment variable and a secret; it can be one of them.");
      }
    }
  }

  private static void checkCertificates(String pem) {
    byte[] bytes = pem.getBytes(java.nio.charset.StandardCharsets.UTF_8);
    try {
      if (java.security.cert.CertificateFactory.getInstance("X.509")
          .generateCertificates(new java.io.ByteArrayInputStream(bytes))
          .isEmpty()) {
        throw new InvalidOptionException("A CA certificate must be PEM text; this holds none.");
      }
    } catch (java.security.cert.CertificateException e) {
      throw new InvalidOptionException(
          "A CA certificate must be PEM text; this cannot be read: " + e.getMessage(), e);
    }
  }

  private static int bytes(String text) {
    return text.getBytes(java.nio.charset.StandardCharsets.UTF_8).length;
  }

  /** The defaults. */
  public static Builder builder() {
    return builder(System.getenv());
  }

  static Builder builder(Map<String, String> environment) {
    return new Builder(environment);
  }

  /**
   * Sends connections elsewhere than their name says, like curl's option of that name. Policy sees
   * the first pair, the dialler uses the second.
   *
   * @param host the name or address that the guest asks for
   * @param port the port that the guest asks for
   * @param address the name or address to dial
   * @param addressPort the port to dial
   */
  public record ConnectTo(String host, int port, String address, int addressPort) {

    /** Checks the bounds. */
    public ConnectTo {
      if (bad(host) || bad(address) || badPort(port) || badPort(addressPort)) {
        throw new InvalidOptionException(
            "connect-to needs HOST:PORT:ADDRESS:PORT with names in ASCII (xn--bcher-kva.example for"
                + " bücher.example) and ports of 1 to 65535, not "
                + host
                + ":"
                + port
                + ":"
                + address
                + ":"
                + addressPort);
      }
    }

    /** Reads {@code HOST:PORT:ADDRESS:PORT}; IPv6 addresses stand in brackets. */
    public static ConnectTo parse(String text) {
      var matcher =
          java.util.regex.Pattern.compile(
                  "(\\[[^\\]]+\\]|[^:\\[\\]]+):(\\d{1,5}):(\\[[^\\]]+\\]|[^:\\[\\]]+):(\\d{1,5})")
              .matcher(text);
      if (!matcher.matches()) {
        throw new InvalidOptionException(
            "'"
                + text
                + "' is not of the form HOST:PORT:ADDRESS:PORT, for example api.example.com:443:127.0.0.1:8443.");
      }
      return new ConnectTo(
          bare(matcher.group(1)),
          Integer.parseInt(matcher.group(2)),
          bare(matcher.group(3)),
          Integer.parseInt(matcher.group(4)));
    }

    /** Neither a name nor an address can hold these; wildcards are for allowing only. */
    private static boolean bad(String name) {
      return name.isEmpty()
          || name.chars().anyMatch(c -> c <= ' ' || c > '~' || "*/!?#@\\,;'\"".indexOf(c) >= 0);
    }

    private static boolean badPort(int port) {
      return port < 1 || port > 65_535;
    }

    private static String bare(String host) {
      return host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
    }
  }

  /** Collects options; every method returns the builder. */
  public static final class Builder {
    private ByteSize memory = ByteSize.ofMebibytes(1280);
    private int vcpus = 2;
    private Optional<Duration> timeout = Optional.empty();
    private final Map<String, String> env = new LinkedHashMap<>();
    private final Map<String, String> labels = new LinkedHashMap<>();
    private final List<String> allowNet = new ArrayList<>();
    private boolean noNet;
    private final List<ConnectTo> connectTo = new ArrayList<>();
    private final Map<String, Secret> secrets = new LinkedHashMap<>();
    private EgressLimits egressLimits = EgressLimits.DEFAULT;
    private final List<String> caCertificates = new ArrayList<>();
    private String workingDirectory = "/home/app";
    private int processes = 1024;
    private Optional<String> root = Optional.empty();
    private Optional<String> checkpoint = Optional.empty();
    private final Map<String, String> volumes = new LinkedHashMap<>();
    private final Map<String, String> environment;

    /** Where the caller wants it; empty while that is left to the environment. */
    private Optional<Optional<Endpoint>> place = Optional.empty();

    private Builder(Map<String, String> environment) {
      this.environment = environment;
    }

    /** The machine's memory: 768 MiB to 4096 MiB. */
    public Builder memory(ByteSize size) {
      memory = size;
      return this;
    }

    /** The machine's memory as text, for example {@code "2GiB"}. */
    public Builder memory(String size) {
      return memory(ByteSize.parse(size));
    }

    /** Virtual processors, 1 to 16. */
    public Builder vcpus(int count) {
      vcpus = count;
      return this;
    }

    /** The lifetime, after which the sandbox is destroyed whatever it does; longer than nothing. */
    public Builder timeout(Duration lifetime) {
      timeout = Optional.of(lifetime);
      return this;
    }

    /** Adds an environment variable. */
    public Builder env(String key, String value) {
      env.put(key, value);
      return this;
    }

    /** Adds environment variables. */
    public Builder env(Map<String, String> variables) {
      env.putAll(variables);
      return this;
    }

    /** Adds a label. */
    public Builder label(String key, String value) {
      labels.put(key, value);
      return this;
    }

    /**
     * Adds to what the sandbox may reach; without any it is the public internet, and never this
     * host's own networks. Patterns: {@code example.com}, {@code example.com:443}, {@code
     * *.example.com} (names below it), {@code 192.0.2.1}, {@code [2001:db8::1]}, each with an
     * optional port.
     */
    public Builder allowNet(String... patterns) {
      return allowNet(List.of(patterns));
    }

    /** As {@link #allowNet(String...)}. */
    public Builder allowNet(List<String> patterns) {
      allowNet.addAll(patterns);
      return this;
    }

    /** Lets it reach nothing at all. */
    public Builder noNet() {
      noNet = true;
      return this;
    }

    /** Sends connections to one name and port elsewhere; policy still decides on the name. */
    public Builder connectTo(ConnectTo redirection) {
      connectTo.add(redirection);
      return this;
    }

    /** As {@link #connectTo(ConnectTo)}, read from {@code HOST:PORT:ADDRESS:PORT}. */
    public Builder connectTo(String redirection) {
      return connectTo(ConnectTo.parse(redirection));
    }

    /**
     * Adds a secret. The environment variable of that name holds a placeholder, for which the value
     * is put in HTTPS requests to the secret's hosts; these must be allowed as well where there is
     * an allow list.
     */
    public Builder secret(String name, Secret secret) {
      secrets.put(name, secret);
      return this;
    }

    /** How much it may do on the network. */
    public Builder egressLimits(EgressLimits limits) {
      egressLimits = limits;
      return this;
    }

    /** Lowers the limits of egress to these where they are higher. */
    public Builder egressLimitsAtMost(EgressLimits most) {
      egressLimits = egressLimits.within(most);
      return this;
    }

    /** Adds a certificate authority, as PEM text, to what the guest's programs trust. */
    public Builder caCertificate(String pem) {
      caCertificates.add(pem);
      return this;
    }

    /** Where processes start and relative paths begin; absolute. */
    public Builder workingDirectory(String path) {
      workingDirectory = path;
      return this;
    }

    /** How many processes and threads may exist at once; 16 to 32768. */
    public Builder processes(int limit) {
      processes = limit;
      return this;
    }

    /**
     * What it boots from: a bootable volume, which keeps what is written and which no other sandbox
     * has meanwhile; or a bootable snapshot, above which what is written is gone with the sandbox.
     *
     * @param idOrSlug of the volume or snapshot
     */
    public Builder root(String idOrSlug) {
      root = Optional.of(idOrSlug);
      return this;
    }

    /**
     * Goes on from a checkpoint: with its processes, at the instant it was made, with a clock,
     * randomness, a name and disks of its own. Its open connections are closed, and its volumes are
     * as they were at that instant; what is written to them is gone with the sandbox. Memory and
     * processors are the checkpoint's; what it may reach and its secrets are as said here.
     *
     * @param idOrSlug of the checkpoint
     */
    public Builder checkpoint(String idOrSlug) {
      checkpoint = Optional.of(idOrSlug);
      return this;
    }

    /**
     * Mounts a volume, which no other sandbox has meanwhile.
     *
     * @param path where, absolute; made if missing; not in the way of the system
     * @param idOrSlug of the volume
     */
    public Builder volume(String path, String idOrSlug) {
      if (volumes.put(path, idOrSlug) != null) {
        throw new InvalidOptionException("Two volumes cannot both be at '" + path + "'.");
      }
      return this;
    }

    /**
     * Makes it on that server, whatever the environment says. A server that is not Belljar's cannot
     * do all: see its documentation for what it refuses.
     */
    public Builder endpoint(Endpoint server) {
      place = Optional.of(Optional.of(server));
      return this;
    }

    /** Makes it on this host, whatever the environment says. */
    public Builder local() {
      place = Optional.of(Optional.empty());
      return this;
    }

    /**
     * The options. Without {@link #endpoint} and {@link #local} the environment decides where; see
     * {@link Endpoint#fromEnvironment}.
     *
     * @throws InvalidOptionException where one is out of its bounds
     */
    public SandboxOptions build() {
      return new SandboxOptions(
          memory,
          vcpus,
          timeout,
          env,
          labels,
          allowNet,
          noNet,
          connectTo,
          secrets,
          egressLimits,
          caCertificates,
          workingDirectory,
          processes,
          root,
          checkpoint,
          volumes,
          place.orElseGet(() -> Endpoint.fromEnvironment(environment)));
    }
  }
}
