package dev.belljar.server.store;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jdbi.v3.core.statement.StatementContext;

/** Who may use the server, and for which organization. */
public final class Tokens {
  private static final String LETTERS =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

  /** Deno's clients expect tokens of an organization to begin like this. */
  private static final String SECRET_PREFIX = "ddo_";

  private static final int SECRET_LENGTH = 40;
  private static final Pattern SECRET = Pattern.compile("ddo_[0-9A-Za-z]{40}");
  private static final String ID_PREFIX = "tok_";
  private static final int ID_LENGTH = 20;
  private static final String COLUMNS = "id, organization, name, created_at, revoked_at";

  private final Database database;
  private final SecureRandom random = new SecureRandom();

  Tokens(Database database) {
    this.database = database;
  }

  /**
   * Makes a token. Its secret is {@code ddo_} and 40 random characters, and is not kept: whoever
   * calls this is the only one who will ever have it.
   *
   * @param organization 1 to 63 of {@code a-z}, {@code 0-9} and {@code -}
   * @param name for people, 0 to 100 characters; need not be unique
   * @throws dev.belljar.InvalidOptionException if one of them is not of that form
   */
  public CreatedToken create(String organization, String name) {
    var token =
        new TokenRecord(
            ID_PREFIX + random(ID_LENGTH), organization, name, Instant.now(), Optional.empty());
    String secret = SECRET_PREFIX + random(SECRET_LENGTH);
    database.callAndSync(
        handle ->
            handle
                .createUpdate(
                    """
                    insert into tokens (id, organization, name, secret_hash, created_at)
                    values (:id, :organization, :name, :hash, :createdAt)
                    """)
                .bind("id", token.id())
                .bind("organization", token.organization())
                .bind("name", token.name())
                .bind("hash", hash(secret))
                .bind("createdAt", token.createdAt())
                .execute());
    return new CreatedToken(token, secret);
  }

  /**
   * The token with this secret, unless there is none or it is revoked. Any text may be asked for.
   */
  public Optional<TokenRecord> find(String secret) {
    return find(secret, "revoked_at is null");
  }

  /** The token that had this secret and was revoked: it lets nobody in. */
  public Optional<TokenRecord> findRevoked(String secret) {
    return find(secret, "revoked_at is not null");
  }

  private Optional<TokenRecord> find(String secret, String condition) {
    if (!SECRET.matcher(secret).matches()) {
      return Optional.empty();
    }
    return database.call(
        handle ->
            handle
                .createQuery(
                    "select " + COLUMNS + " from tokens where secret_hash = :hash and " + condition)
                .bind("hash", hash(secret))
                .map(Tokens::read)
                .findOne());
  }

  /** All tokens, revoked ones too, oldest first. */
  public List<TokenRecord> list() {
    return database.call(
        handle ->
            handle
                .createQuery("select " + COLUMNS + " from tokens order by created_at, id")
                .map(Tokens::read)
                .list());
  }

  /**
   * Lets the token in no more, from now on and for good.
   *
   * @return false if there is no such token or it was revoked before
   */
  public boolean revoke(String id) {
    if (!Bounds.isId(id)) {
      return false;
    }
    return database.callAndSync(
            handle ->
                handle
                    .createUpdate(
                        "update tokens set revoked_at = :now where id = :id and revoked_at is null")
                    .bind("now", Bounds.time(Instant.now()))
                    .bind("id", id)
                    .execute())
        > 0;
  }

  /** How many tokens let somebody in. */
  public long count() {
    return database.call(
        handle ->
            handle
                .createQuery("select count(*) from tokens where revoked_at is null")
                .mapTo(Long.class)
                .one());
  }

  private static TokenRecord read(ResultSet row, StatementContext context) throws SQLException {
    return new TokenRecord(
        row.getString("id"),
        row.getString("organization"),
        row.getString("name"),
        Times.required(row, "created_at"),
        Times.optional(row, "revoked_at"));
  }

  private String random(int length) {
    StringBuilder text = new StringBuilder(length);
    for (int i = 0; i < length; i++) {
      text.append(LETTERS.charAt(random.nextInt(LETTERS.length())));
    }
    return text.toString();
  }

  /**
   * A fast hash is enough, where a password would need a slow and salted one: a secret is 238
   * random bits, so there is nothing to guess and no two are alike. It also makes the lookup one by
   * index, whose time tells nothing about the secrets that exist.
   */
  private static String hash(String secret) {
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256").digest(secret.getBytes(StandardCharsets.US_ASCII));
      return HexFormat.of().formatHex(hash);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every JDK has SHA-256.", e);
    }
  }
}
