package dev.belljar.server.rpc;

import java.util.regex.Pattern;

/**
 * Regular expressions of JavaScript, as Java's. What often differs is translated: classes that are
 * empty ({@code []}, {@code [^]}), brackets and ampersands within classes, and {@code $}. The rest
 * means what it means in Java; docs/protocol.md says so.
 */
final class RegularExpression {
  /** Those that change nothing here (d, g) included; y is not, which depends on earlier matches. */
  private static final Pattern KNOWN = Pattern.compile("[dgimsuv]*");

  private RegularExpression() {}

  static boolean knows(String flags) {
    return KNOWN.matcher(flags).matches();
  }

  /**
   * Compiles it.
   *
   * @param flags known ones
   * @throws java.util.regex.PatternSyntaxException where Java cannot read it
   */
  static Pattern compile(String source, String flags) {
    int bits = 0;
    for (int i = 0; i < flags.length(); i++) {
      bits |=
          switch (flags.charAt(i)) {
            case 'i' -> Pattern.CASE_INSENSITIVE;
            case 'm' -> Pattern.MULTILINE;
            case 's' -> Pattern.DOTALL;
            case 'u', 'v' -> Pattern.UNICODE_CASE;
            default -> 0;
          };
    }
    return Pattern.compile(translated(source, flags), bits);
  }

  private static String translated(String source, String flags) {
    boolean plainClasses = flags.indexOf('v') < 0;
    boolean lines = flags.indexOf('m') >= 0;
    StringBuilder java = new StringBuilder(source.length() + 16);
    boolean inClass = false;
    for (int i = 0; i < source.length(); i++) {
      char c = source.charAt(i);
      if (c == '\\' && i + 1 < source.length()) {
        java.append(c).append(source.charAt(++i));
      } else if (inClass) {
        inClass = c != ']';
        // There they are nothing but themselves; in Java they nest and intersect.
        java.append(plainClasses && (c == '[' || c == '&') ? "\\" : "").append(c);
      } else if (source.startsWith("[^]", i)) {
        java.append("[\\s\\S]");
        i += 2;
      } else if (source.startsWith("[]", i)) {
        java.append("(?!)");
        i++;
      } else if (c == '$' && !lines) {
        java.append("\\z");
      } else {
        inClass = c == '[';
        java.append(c);
      }
    }
    return java.toString();
  }
}
