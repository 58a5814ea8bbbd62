package dev.belljar.server.store;

/**
 * A token just made.
 *
 * @param token what is kept
 * @param secret what its holder presents; this is the only time it can be read
 */
public record CreatedToken(TokenRecord token, String secret) {

  /** Does not show the secret. */
  @Override
  public String toString() {
    return "CreatedToken[" + token + "]";
  }
}
