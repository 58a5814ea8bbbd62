package dev.belljar.server.store;

import dev.belljar.InvalidOptionException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * How long and of what form each stored value may be. Checked here, so that both databases refuse
 * the same things with the same words, before they are asked.
 */
final class Bounds {
  private static final Pattern ORGANIZATION = Pattern.compile("[a-z0-9-]{1,63}");
  private static final Pattern ID = Pattern.compile("[A-Za-z0-9_-]{1,64}");
  private static final int LONGEST_TOKEN_NAME = 100;
  private static final int LONGEST_REASON = 500;
  private static final int MOST_LABELS = 5;
  private static final int LONGEST_LABEL_NAME = 64;
  private static final int LONGEST_LABEL_VALUE = 128;

  /** Both databases can store these; a time outside of them is a mistake or an attack. */
  private static final Instant EARLIEST = Instant.EPOCH;

  private static final Instant LATEST = Instant.parse("9999-12-31T23:59:59.999999Z");

  private Bounds() {}

  static boolean isOrganization(String name) {
    return ORGANIZATION.matcher(name).matches();
  }

  static void organization(String name) {
    if (!isOrganization(name)) {
      throw new InvalidOptionException(
          "An organization is named by 1 to 63 of the characters a-z, 0-9 and -.");
    }
  }

  static boolean isId(String id) {
    return ID.matcher(id).matches();
  }

  static void id(String id) {
    if (!isId(id)) {
      throw new InvalidOptionException(
          "An id has 1 to 64 of the characters A-Z, a-z, 0-9, _ and -.");
    }
  }

  static void tokenName(String name) {
    if (name.length() > LONGEST_TOKEN_NAME || !isText(name)) {
      throw new InvalidOptionException(
          "The name of a token has 0 to 100 characters of valid text.");
    }
  }

  static void labels(Map<String, String> labels) {
    if (labels.size() > MOST_LABELS) {
      throw new InvalidOptionException("At most 5 labels, not " + labels.size() + ".");
    }
    labels.forEach(
        (name, value) -> {
          // Compared before encoding: a giant is not copied just to be refused.
          if (name.isEmpty()
              || name.length() > LONGEST_LABEL_NAME
              || value.length() > LONGEST_LABEL_VALUE
              || !isText(name)
              || !isText(value)
              || bytes(name) > LONGEST_LABEL_NAME
              || bytes(value) > LONGEST_LABEL_VALUE) {
            throw new InvalidOptionException(
                "Labels are valid text: keys of 1 to 64 bytes, values of at most 128.");
          }
        });
  }

  /**
   * Cut to the precision that both databases keep, so that what is read equals what was written.
   */
  static Instant time(Instant time) {
    if (time.isBefore(EARLIEST) || time.isAfter(LATEST)) {
      throw new InvalidOptionException("A time must lie between the years 1970 and 9999.");
    }
    return time.truncatedTo(ChronoUnit.MICROS);
  }

  /** Made to fit rather than refused: that a sandbox has stopped must be kept in any case. */
  static String reason(String reason) {
    String cut = reason.substring(0, Math.min(reason.length(), LONGEST_REASON));
    byte[] replaced = cut.replace('\0', '?').getBytes(StandardCharsets.UTF_8);
    return new String(replaced, StandardCharsets.UTF_8);
  }

  /** PostgreSQL stores neither NUL nor half a surrogate pair. */
  private static boolean isText(String text) {
    return text.indexOf('\0') < 0 && StandardCharsets.UTF_8.newEncoder().canEncode(text);
  }

  private static int bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8).length;
  }
}
