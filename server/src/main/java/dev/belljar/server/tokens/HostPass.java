package dev.belljar.server.tokens;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Base64;

/**
 * What lets the commands of this host's user in, without a token: a secret that one server makes
 * when it starts and that is worth nothing when that has ended. It is told to nobody but who may
 * enter the data directory ({@link TokenSocket}), is not stored, and is no token: it is not listed,
 * not counted and cannot be revoked.
 */
public final class HostPass {
  /** The organization that it acts for: that of the first token. */
  public static final String ORGANIZATION = "local";

  /** Stands where a token's id does: in the audit log, and with sandboxes. */
  public static final String ID = "command-line-of-this-host";

  private static final String PREFIX = "bjp_";
  private static final int RANDOM_BYTES = 32;

  private final String secret;

  private HostPass(String secret) {
    this.secret = secret;
  }

  /** A new one: {@code bjp_} and 256 random bits. */
  public static HostPass next() {
    byte[] bits = new byte[RANDOM_BYTES];
    new SecureRandom().nextBytes(bits);
    return new HostPass(PREFIX + Base64.getUrlEncoder().withoutPadding().encodeToString(bits));
  }

  /** Whether this text is it, in a time that does not tell how much of it is right. */
  public boolean is(String text) {
    return MessageDigest.isEqual(
        secret.getBytes(StandardCharsets.UTF_8), text.getBytes(StandardCharsets.UTF_8));
  }

  String secret() {
    return secret;
  }
}
