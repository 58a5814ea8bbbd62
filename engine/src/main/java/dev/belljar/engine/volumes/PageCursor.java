package dev.belljar.engine.volumes;

import dev.belljar.InvalidOptionException;
import dev.belljar.engine.volumes.Catalog.Listed;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.Base64;
import java.util.Comparator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The last item of a page: the next page begins behind it, also where it was deleted since. It is
 * looked up nowhere, so whatever a client has written into it tells nothing of other owners.
 */
record PageCursor(Instant created, String id) implements Comparable<PageCursor> {
  private static final Comparator<PageCursor> OLDEST_FIRST =
      Comparator.comparing(PageCursor::created).thenComparing(PageCursor::id);
  private static final Pattern FORM =
      Pattern.compile("(-?\\d{1,12})\\.(\\d{1,9})\\.([a-z0-9_]{1,64})");
  private static final int LONGEST = 120;

  static PageCursor of(Listed listed) {
    return new PageCursor(listed.created(), listed.id());
  }

  /**
   * Reads one that a client sends back.
   *
   * @throws InvalidOptionException where it is none
   */
  static PageCursor parse(String text) {
    if (text.length() <= LONGEST) {
      try {
        byte[] plain = Base64.getUrlDecoder().decode(text);
        Matcher matcher = FORM.matcher(new String(plain, StandardCharsets.ISO_8859_1));
        if (matcher.matches()) {
          Instant created =
              Instant.ofEpochSecond(
                  Long.parseLong(matcher.group(1)), Long.parseLong(matcher.group(2)));
          return new PageCursor(created, matcher.group(3));
        }
      } catch (IllegalArgumentException | DateTimeException e) {
        // Not base64, or not in the time that there is: refused below like any other.
      }
    }
    throw new InvalidOptionException(
        "The cursor is none that a list ended with. Begin the list again, without one.");
  }

  /** At most 120 characters of base64 for URLs. */
  String text() {
    String plain = created.getEpochSecond() + "." + created.getNano() + "." + id;
    return Base64.getUrlEncoder()
        .withoutPadding()
        .encodeToString(plain.getBytes(StandardCharsets.ISO_8859_1));
  }

  boolean isBehind(PageCursor other) {
    return compareTo(other) > 0;
  }

  @Override
  public int compareTo(PageCursor other) {
    return OLDEST_FIRST.compare(this, other);
  }
}
