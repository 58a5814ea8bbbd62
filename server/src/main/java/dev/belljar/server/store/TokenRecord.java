package dev.belljar.server.store;

import java.time.Instant;
import java.util.Optional;

/**
 * A token that lets its holder act for an organization; the secret itself is never kept.
 *
 * @param id {@code tok_} and 20 characters; names it to operators and in logs
 * @param organization 1 to 63 of {@code a-z}, {@code 0-9} and {@code -}
 * @param name for people, 0 to 100 characters
 * @param createdAt with microseconds
 * @param revokedAt since when it lets nobody in
 */
public record TokenRecord(
    String id, String organization, String name, Instant createdAt, Optional<Instant> revokedAt) {

  /**
   * Checks the bounds.
   *
   * @throws dev.belljar.InvalidOptionException if a value is out of them
   */
  public TokenRecord {
    Bounds.id(id);
    Bounds.organization(organization);
    Bounds.tokenName(name);
    createdAt = Bounds.time(createdAt);
    revokedAt = revokedAt.map(Bounds::time);
  }

  /** Whether an organization may be called so. */
  public static boolean isOrganization(String name) {
    return Bounds.isOrganization(name);
  }
}
