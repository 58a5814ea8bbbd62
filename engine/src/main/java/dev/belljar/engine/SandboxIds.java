package dev.belljar.engine;

import java.util.random.RandomGenerator;

/**
 * Ids of the form that Deno's clients check: {@code sbx_}, three letters, {@code _}, 20 characters.
 */
final class SandboxIds {
  /** The three letters of a region; this host is nobody's region. */
  private static final String PREFIX = "sbx_loc_";

  private static final String ALPHABET = "0123456789abcdefghjkmnpqrstuvwxyz";
  private static final int LENGTH = 20;

  private SandboxIds() {}

  static String next(RandomGenerator random) {
    StringBuilder id = new StringBuilder(PREFIX);
    for (int i = 0; i < LENGTH; i++) {
      id.append(ALPHABET.charAt(random.nextInt(ALPHABET.length())));
    }
    return id.toString();
  }
}
