package dev.belljar.cli;

import dev.belljar.BelljarException;
import dev.belljar.Endpoint;
import dev.belljar.InvalidOptionException;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.SandboxUnavailableException;
import dev.belljar.server.tokens.ServerOfUser;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/**
 * Where {@code run} makes its sandbox.
 *
 * @param endpoint the server; empty for this process
 * @param found whether nobody named it, and it was found running for this user
 */
record ServerChoice(Optional<Endpoint> endpoint, boolean found) {
  static final String OFF = "BELLJAR_NO_SERVER";

  /**
   * A server that runs answers in milliseconds; one that hangs must not be waited for. Milliseconds
   * in the system property, for tests on hosts that are overloaded.
   */
  private static final Duration PATIENCE =
      Duration.ofMillis(Long.getLong("belljar.serverPatience", 500));

  /** Not on a server, unless one is named. */
  static ServerChoice named(Optional<Endpoint> endpoint) {
    return new ServerChoice(endpoint, false);
  }

  /** The server that this user runs with the usual data directory, if it is there. */
  static ServerChoice ofUser(Map<String, String> environment) {
    Optional<Endpoint> server =
        ServerOfUser.find(DataDirectory.ofUser(environment), PATIENCE)
            .map(running -> Endpoint.of(running.url(), running.pass()));
    return new ServerChoice(server, server.isPresent());
  }

  /** Whether the environment says that no server is to be looked for. */
  static boolean isOff(Map<String, String> environment) {
    return "1".equals(environment.get(OFF));
  }

  /**
   * Makes the sandbox.
   *
   * @throws BelljarException where that fails; of a server that was found, the message says that it
   *     was the server, and how to do without
   */
  Sandbox create(SandboxOptions options) {
    if (!found) {
      return Sandbox.create(options);
    }
    try {
      return Sandbox.create(options);
    } catch (InvalidOptionException e) {
      throw new InvalidOptionException(explained(e), e);
    } catch (BelljarException e) {
      throw new SandboxUnavailableException(explained(e), e);
    }
  }

  private String explained(BelljarException failure) {
    return failure.getMessage()
        + "\nThat was the server that you run at "
        + url()
        + "; with --no-server the sandbox is made without it.";
  }

  /** Where it is, for messages. */
  String url() {
    return endpoint.map(server -> server.sandboxes().toString()).orElse("");
  }
}
