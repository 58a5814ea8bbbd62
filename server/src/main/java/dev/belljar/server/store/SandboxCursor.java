package dev.belljar.server.store;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The last sandbox of a page: the next one begins behind it, wherever new sandboxes have come in
 * since. It is not signed: it only says where to go on, and the query looks into one organization
 * whatever a client has written into it.
 */
record SandboxCursor(Instant createdAt, String id) {
  private static final Pattern FORM = Pattern.compile("(\\d{1,18})\\.([A-Za-z0-9_-]{1,64})");
  private static final int LONGEST = 120;

  static SandboxCursor after(SandboxRecord last) {
    return new SandboxCursor(last.createdAt(), last.id());
  }

  static SandboxCursor parse(String cursor) {
    if (cursor.length() > LONGEST) {
      throw new BadCursorException();
    }
    try {
      byte[] decoded = Base64.getUrlDecoder().decode(cursor);
      Matcher matcher = FORM.matcher(new String(decoded, StandardCharsets.ISO_8859_1));
      if (matcher.matches()) {
        Instant createdAt = Instant.EPOCH.plus(Long.parseLong(matcher.group(1)), ChronoUnit.MICROS);
        return new SandboxCursor(Bounds.time(createdAt), matcher.group(2));
      }
    } catch (IllegalArgumentException | dev.belljar.InvalidOptionException e) {
      // Not base64, or no time that a sandbox can have: refused below like any other.
    }
    throw new BadCursorException();
  }

  String text() {
    long micros = ChronoUnit.MICROS.between(Instant.EPOCH, createdAt);
    byte[] plain = (micros + "." + id).getBytes(StandardCharsets.ISO_8859_1);
    return Base64.getUrlEncoder().withoutPadding().encodeToString(plain);
  }
}
