package dev.belljar.engine.egress;

import dev.belljar.InvalidOptionException;
import dev.belljar.SandboxOptions;
import dev.belljar.SandboxOptions.ConnectTo;
import java.net.InetAddress;
import java.util.List;
import java.util.Optional;

/**
 * What a sandbox may reach: decided first on the name or address that was asked for, then on each
 * address that it leads to. Immutable.
 */
public final class EgressPolicy {
  private static final int MAX_PATTERNS = 1000;

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
              .formatted(given.host(), given.port(), given.address(), given.addressPort(), text),
          e);
    }
  }

  /** Why a name may not be looked up; empty if it may. */
  Optional<String> refusalOfLookup(String name) {
    if (nothing) {
      return Optional.of("this sandbox has no network");
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
