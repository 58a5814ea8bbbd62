package dev.belljar.server.api;

import dev.belljar.server.observe.LogContext;
import dev.belljar.server.sandboxes.HostedSandbox.Owner;
import dev.belljar.server.sandboxes.RefusedException;
import dev.belljar.server.store.TokenRecord;
import dev.belljar.server.store.Tokens;
import dev.belljar.server.tokens.HostPass;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Who is asking. A token says which organization; a header that names one is not needed and not
 * believed. Asked of the store each time, so that a revoked token is of no use from that moment.
 * The pass of this host's user is as good as a token.
 */
final class Access {
  private static final String SCHEME = "bearer ";

  private final Tokens tokens;
  private final HostPass pass;

  Access(Tokens tokens, HostPass pass) {
    this.tokens = tokens;
    this.pass = pass;
  }

  /**
   * The owner of the token, or pass, in a header {@code Authorization}, who is on what this thread
   * logs from then on.
   *
   * @throws RefusedException where there is none that is valid
   */
  Owner check(@Nullable String authorization) {
    if (authorization == null || !authorization.toLowerCase(Locale.ROOT).startsWith(SCHEME)) {
      throw refused("A token is needed: Authorization: Bearer ddo_…");
    }
    String secret = authorization.substring(SCHEME.length()).strip();
    if (pass.is(secret)) {
      LogContext.owner(HostPass.ORGANIZATION, HostPass.ID);
      return new Owner(HostPass.ORGANIZATION, HostPass.ID);
    }
    TokenRecord token = tokens.find(secret).orElseThrow(() -> unknown(secret));
    LogContext.owner(token.organization(), token.id());
    return new Owner(token.organization(), token.id());
  }

  /** The client is told no difference, the operator is: somebody goes on with what was revoked. */
  private RefusedException unknown(String secret) {
    tokens
        .findRevoked(secret)
        .ifPresent(token -> LogContext.owner(token.organization(), token.id()));
    return refused("This token is not known here, or was revoked.");
  }

  private static RefusedException refused(String message) {
    return new RefusedException(401, "INVALID_TOKEN", message);
  }
}
