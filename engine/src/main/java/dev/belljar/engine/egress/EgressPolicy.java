package dev.belljar.engine.egress;

import dev.belljar.InvalidOptionException;
import dev.belljar.SandboxOptions;
import dev.belljar.SandboxOptions.ConnectTo;
import dev.belljar.engine.egress.tls.ClientHello;
import java.net.InetAddress;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiPredicate;

/**
 * What a sandbox may reach: decided first on the name or address that was asked for, then on each
 * address that it leads to. Immutable.
 */
public final class EgressPolicy {
  private static final int MAX_PATTERNS = 1000;

  /**
   * An address in a name's place would be judged as a name, and be redirected where an address is
   * not.
   */
  private static final String NO_NAME = "it is an address where a name should be";

  private final boolean nothing;
  private final List<HostPattern> allowed;
  private final List<ConnectTo> redirections;

  private EgressPolicy(boolean nothing, List<HostPattern> allowed, List<ConnectTo> redirections) {
    this.nothing = nothing;
    this.allowed = allowed;
    this.redirections = redirections;
  }

  /**
   * Reads it from the options.
   *
   * @throws InvalidOptionException where a pattern is none; it is named
   */
  public static EgressPolicy of(SandboxOptions options) {
    if (options.allowNet().size() > MAX_PATTERNS) {
      throw new InvalidOptionException("An allow list has at most " + MAX_PATTERNS + " entries.");
    }
    return new EgressPolicy(
        options.noNet(),
        options.allowNet().stream().map(EgressPolicy::allowed).toList(),
        options.connectTo().stream().map(EgressPolicy::canonical).toList());
  }

  private static HostPattern allowed(String text) {
    HostPattern pattern = HostPattern.parse(text);
    if (pattern.isTheGuests()) {
      throw new InvalidOptionException(
          "allow-net '%s': in a sandbox that is the sandbox itself, and never this host. Name a host, as in service.test:80, and send it here with connect-to service.test:80:127.0.0.1:8080."
              .formatted(text));
    }
    return pattern;
  }

  /** With the host as a guest's request will have it: lower case, ASCII, addresses in one form. */
  private static ConnectTo canonical(ConnectTo given) {
    HostPattern host = host(given, given.host());
    if (host.isTheGuests()) {
      throw new InvalidOptionException(
          "connect-to '%s': in a sandbox that is the sandbox itself, and such connections do not leave it. Give another name in its place, as in service.test:80:127.0.0.1:8080."
              .formatted(given.host()));
    }
    host(given, given.address());
    return new ConnectTo(host.host(), given.port(), given.address(), given.addressPort());
  }

  private static HostPattern host(ConnectTo given, String text) {
    try {
      return HostPattern.parse(text.contains(":") ? "[" + text + "]" : text);
    } catch (InvalidOptionException e) {
      throw new InvalidOptionException(
          "connect-to %s:%d:%s:%d: '%s' is neither a host name nor an address."
                  .formatted(given.host(), given.port(), given.address(), given.addressPort(), text)
              + HostPattern.advice(text),
          e);
    }
  }

  /** Why a name may not be looked up; empty if it may. */
  Optional<String> refusalOfLookup(String name) {
    if (nothing) {
      return Optional.of("this sandbox has no network");
    }
    if (HostPattern.isAddressLike(name)) {
      return Optional.of(NO_NAME);
    }
    if (allowed.isEmpty() || allowed.stream().anyMatch(pattern -> pattern.matchesName(name))) {
      return Optional.empty();
    }
    return Optional.of("the allow list does not name it");
  }

  /** Why a name or address and port may not be asked for; empty if they may. */
  Optional<String> refusalOfTarget(String host, boolean isName, int port) {
    if (nothing) {
      return Optional.of("this sandbox has no network");
    }
    if (isName && HostPattern.isAddressLike(host)) {
      return Optional.of(NO_NAME);
    }
    if (allowed.isEmpty() || named(host, isName, port)) {
      return Optional.empty();
    }
    return Optional.of("the allow list does not name it");
  }

  /** Why an address may not be dialled for an allowed target; empty if it may. */
  Optional<String> refusalOfAddress(InetAddress address, int port) {
    if (PublicAddresses.contains(address) || named(address.getHostAddress(), false, port)) {
      return Optional.empty();
    }
    return Optional.of(
        address.getHostAddress()
            + " is not on the public internet and the allow list does not name it");
  }

  /**
   * Where a target is dialled instead, if anywhere; that address is the choice of the sandbox's
   * owner.
   */
  Optional<ConnectTo> redirection(String host, int port) {
    return redirections.stream()
        .filter(entry -> entry.port() == port && entry.host().equals(host))
        .findFirst();
  }

  /** Whether some port of the name is dialled elsewhere, so that the name need not exist. */
  boolean isRedirected(String name) {
    return redirections.stream().anyMatch(entry -> entry.host().equals(name));
  }

  /** Which names and ports the hosts of a secret are. */
  public static BiPredicate<String, Integer> hostsOf(String secret, List<String> texts) {
    List<HostPattern> patterns = texts.stream().map(text -> hostOf(secret, text)).toList();
    return (name, port) ->
        patterns.stream().anyMatch(p -> p.matchesName(name) && p.matchesPort(port));
  }

  /**
   * The hosts of secrets that the same options let no connection reach, by the name of the secret.
   * That is no error, but rarely meant.
   *
   * @throws InvalidOptionException as {@link #of}, and where a secret's host is none
   */
  public static Map<String, List<String>> secretsOutOfReach(SandboxOptions options) {
    EgressPolicy policy = of(options);
    Map<String, List<String>> outOfReach = new LinkedHashMap<>();
    options
        .secrets()
        .forEach(
            (name, secret) -> {
              List<String> hosts =
                  secret.hosts().stream()
                      .filter(text -> !policy.mayReach(hostOf(name, text)))
                      .toList();
              if (!hosts.isEmpty()) {
                outOfReach.put(name, hosts);
              }
            });
    return outOfReach;
  }

  private boolean mayReach(HostPattern hosts) {
    return !nothing
        && (allowed.isEmpty() || allowed.stream().anyMatch(pattern -> pattern.overlaps(hosts)));
  }

  private static HostPattern hostOf(String secret, String text) {
    HostPattern pattern;
    try {
      pattern = HostPattern.parse(text);
    } catch (InvalidOptionException e) {
      throw new InvalidOptionException(
          "secret %s: '%s' is not a host that it could be sent to. Write api.example.com or *.example.com, each with an optional :port."
                  .formatted(secret, text)
              + (HostPattern.isAscii(text) ? "" : HostPattern.advice(text)),
          e);
    }
    if (pattern.isAddress() || pattern.isTheGuests()) {
      throw new InvalidOptionException(
          "secret %s: '%s' is not a name that a certificate could prove. Write api.example.com or *.example.com, each with an optional :port."
              .formatted(secret, text));
    }
    return pattern;
  }

  /**
   * Why a connection may not begin with a TLS handshake like that; empty if it may.
   *
   * @param seen whether what comes after it is seen as well
   */
  Optional<String> refusalOfHello(EgressTarget target, ClientHello hello, boolean seen) {
    if (hello.encrypted() && hasAllowList() && !seen) {
      return Optional.of("the TLS handshake may hide a name (Encrypted Client Hello)");
    }
    if (hello.serverName().isEmpty()) {
      return target.isName() && hasAllowList()
          ? Optional.of("the TLS handshake names no server")
          : Optional.empty();
    }
    String name = hello.serverName().get();
    return isNameOf(target, name)
        ? Optional.empty()
        : Optional.of("the TLS handshake names '" + name + "'");
  }

  /**
   * Whether somebody may speak to what a target leads to by that name. Behind an address there may
   * be any, so it must be allowed itself.
   */
  boolean isNameOf(EgressTarget target, String name) {
    if (target.isName()) {
      return name.equals(target.host());
    }
    return !hasAllowList()
        || isAddress(name, target.host())
        || allowed.stream()
            .anyMatch(pattern -> pattern.matchesName(name) && pattern.matchesPort(target.port()));
  }

  private static boolean isAddress(String text, String address) {
    try {
      return InetAddress.ofLiteral(text).getHostAddress().equals(address);
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  /** Whether names are to be looked for on this host before a guest hears that they exist. */
  boolean hasAllowList() {
    return !allowed.isEmpty();
  }

  private boolean named(String host, boolean isName, int port) {
    return allowed.stream()
        .anyMatch(
            pattern ->
                (isName ? pattern.matchesName(host) : pattern.matchesAddress(host))
                    && pattern.matchesPort(port));
  }
}
