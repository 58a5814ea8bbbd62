package dev.belljar.spi;

import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads {@code http} and {@code https} URLs that programs of the web take for granted and {@link
 * URI} refuses, much as the URL standard of the WHATWG does: dot segments are removed, backslashes
 * in the path are slashes, and what may not stand is encoded. {@link URI} needs more of that than
 * the standard: also <code>| [ ]</code> in a path, <code>| ^ ` { } \</code> in a query, and a
 * {@code %} that begins no code, are encoded; once decoded they are the same.
 */
public final class WebUrl {
  private static final Pattern AUTHORITY =
      Pattern.compile("((?:https?:)?[/\\\\]{2}[^/\\\\]*)(.*)", Pattern.CASE_INSENSITIVE);
  private static final Pattern OTHER_SCHEME = Pattern.compile("[A-Za-z][A-Za-z0-9+.-]*:.*");

  private static final String IN_PATH = "-_.~!$&'()*+,;=:@/";
  private static final String IN_QUERY = "-_.~!$&()*+,;=:@/?[]";
  private static final String IN_FRAGMENT = IN_QUERY + "'";

  private WebUrl() {}

  /**
   * Reads a URL, or a reference that is relative to one.
   *
   * @return in ASCII, but for its host
   * @throws URISyntaxException where its scheme, host or port cannot be
   */
  public static URI parse(String text) throws URISyntaxException {
    String all = trimmed(text).replaceAll("[\t\r\n]", "");
    int hash = all.indexOf('#');
    String fragment = hash < 0 ? "" : "#" + encoded(all.substring(hash + 1), IN_FRAGMENT);
    String rest = hash < 0 ? all : all.substring(0, hash);
    int mark = rest.indexOf('?');
    String query = mark < 0 ? "" : "?" + encoded(rest.substring(mark + 1), IN_QUERY);
    String before = mark < 0 ? rest : rest.substring(0, mark);
    Matcher absolute = AUTHORITY.matcher(before);
    if (absolute.matches()) {
      String authority = absolute.group(1).replace('\\', '/');
      String path = withoutDots(absolute.group(2).replace('\\', '/'));
      return new URI(authority + encoded(path, IN_PATH) + query + fragment);
    }
    if (OTHER_SCHEME.matcher(before).matches()) {
      return new URI(before + query + fragment);
    }
    return new URI(encoded(before.replace('\\', '/'), IN_PATH) + query + fragment);
  }

  private static String trimmed(String text) {
    int start = 0;
    int end = text.length();
    while (start < end && text.charAt(start) <= ' ') {
      start++;
    }
    while (end > start && text.charAt(end - 1) <= ' ') {
      end--;
    }
    return text.substring(start, end);
  }

  private static String withoutDots(String path) {
    if (path.isEmpty()) {
      return path;
    }
    Deque<String> kept = new ArrayDeque<>();
    Iterator<String> segments = Arrays.asList(path.substring(1).split("/", -1)).iterator();
    while (segments.hasNext()) {
      String segment = segments.next();
      String dots = segment.toLowerCase(Locale.ROOT).replace("%2e", ".");
      boolean none = dots.equals(".") || dots.equals("..");
      if (dots.equals("..")) {
        kept.pollLast();
      }
      if (!none) {
        kept.addLast(segment);
      } else if (!segments.hasNext()) {
        kept.addLast("");
      }
    }
    return "/" + String.join("/", List.copyOf(kept));
  }

  private static String encoded(String text, String allowed) {
    StringBuilder encoded = new StringBuilder(text.length() + 16);
    int index = 0;
    while (index < text.length()) {
      int code = text.codePointAt(index);
      if (isAlphanumeric(code) || allowed.indexOf(code) >= 0 || isEncoded(text, index)) {
        encoded.appendCodePoint(code);
      } else {
        boolean halfOfOne = code >= Character.MIN_SURROGATE && code <= Character.MAX_SURROGATE;
        String whole = halfOfOne ? "\ufffd" : Character.toString(code);
        for (byte octet : whole.getBytes(StandardCharsets.UTF_8)) {
          encoded.append(String.format(Locale.ROOT, "%%%02X", octet));
        }
      }
      index += Character.charCount(code);
    }
    return encoded.toString();
  }

  private static boolean isAlphanumeric(int code) {
    return code < 0x80 && Character.isLetterOrDigit(code);
  }

  private static boolean isEncoded(String text, int index) {
    return text.charAt(index) == '%'
        && index + 2 < text.length()
        && isHex(text.charAt(index + 1))
        && isHex(text.charAt(index + 2));
  }

  private static boolean isHex(char digit) {
    return digit < 0x80 && Character.digit(digit, 16) >= 0;
  }
}
