package dev.belljar.engine.egress.http;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The head of a request, with what its start line says.
 *
 * @param method in the case that it has
 * @param target a path, an absolute URL, an authority or an asterisk
 * @param version 0 or 1, of HTTP/1
 * @param head all of it
 */
public record Request(String method, String target, int version, MessageHead head) {
  private static final Pattern LINE = Pattern.compile("(\\S+) (\\S+) HTTP/1\\.([01])");
  private static final Pattern ABSOLUTE = Pattern.compile("(?i)https?://([^/?#]*)(?:[/?#].*)?");
  private static final Pattern AUTHORITY =
      Pattern.compile("(\\[[0-9a-fA-F:.]+\\]|[^:\\[\\]@]+)(?::\\d{0,5})?");

  /** Reads a head. */
  public static Request parse(byte[] bytes) throws HttpFormatException {
    MessageHead head = MessageHead.parse(bytes);
    Matcher line = LINE.matcher(head.startLine());
    if (!line.matches() || !MessageHead.isToken(line.group(1))) {
      throw new HttpFormatException("a start line that is not one of HTTP/1");
    }
    return new Request(line.group(1), line.group(2), Integer.parseInt(line.group(3)), head);
  }

  /** With another target. */
  public Request withTarget(String other) {
    return new Request(
        method,
        other,
        version,
        new MessageHead(method + " " + other + " HTTP/1." + version, head.fields()));
  }

  /** With other fields. */
  public Request with(MessageHead other) {
    return new Request(method, target, version, new MessageHead(head.startLine(), other.fields()));
  }

  /** Whether the connection may be something else than HTTP/1 after it. */
  public boolean asksForUpgrade() {
    return head.words("Connection").contains("upgrade") && !head.words("Upgrade").isEmpty();
  }

  /**
   * Why it may not go over a connection that was asked for by that name: every name in it that
   * could choose among what a server has must be that one. Empty where it may.
   *
   * @param names whether a name, or an address without brackets, is the one; lower case, without a
   *     final dot
   */
  public Optional<String> refusal(java.util.function.Predicate<String> names) {
    List<String> hosts = head.all("Host");
    if (hosts.size() != 1) {
      return Optional.of("a request has " + hosts.size() + " Host fields and not one");
    }
    if (method.equals("CONNECT")) {
      return Optional.of("a request asks for a tunnel");
    }
    if (head.words("Upgrade").stream().anyMatch(protocol -> protocol.startsWith("h2"))) {
      return Optional.of("a request asks for HTTP/2, whose names cannot be seen");
    }
    Optional<String> wrong = wrong(hosts.getFirst(), names);
    if (wrong.isPresent() || target.startsWith("/") || target.equals("*")) {
      return wrong;
    }
    Matcher absolute = ABSOLUTE.matcher(target);
    return absolute.matches()
        ? wrong(absolute.group(1), names)
        : Optional.of("a request has a target that is neither a path nor a URL");
  }

  private static Optional<String> wrong(
      String authority, java.util.function.Predicate<String> names) {
    Matcher matcher = AUTHORITY.matcher(authority);
    if (!matcher.matches()) {
      return Optional.of("a request is for a host that is none");
    }
    String host = matcher.group(1).toLowerCase(Locale.ROOT);
    if (host.startsWith("[")) {
      host = host.substring(1, host.length() - 1);
    } else if (host.endsWith(".")) {
      host = host.substring(0, host.length() - 1);
    }
    return names.test(host)
        ? Optional.empty()
        : Optional.of("a request is for '" + printable(host) + "'");
  }

  /** Texts that a guest chose, for messages and logs. */
  private static String printable(String host) {
    String cut = host.length() <= 80 ? host : host.substring(0, 80) + "...";
    return cut.replaceAll("[^a-z0-9._:-]", "?");
  }
}
