package dev.belljar.engine.egress;

import dev.belljar.InvalidOptionException;
import java.net.InetAddress;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One entry of an allow list: {@code example.com}, {@code *.example.com}, {@code 192.0.2.1} or
 * {@code [2001:db8::1]}, each with an optional {@code :port}.
 *
 * @param host the name, or the address in the form of {@link InetAddress#getHostAddress()}
 * @param isAddress whether the host is an address
 * @param wildcard whether names below the host are meant, and not the host itself
 * @param port the only port, where one was given
 */
record HostPattern(String host, boolean isAddress, boolean wildcard, OptionalInt port) {
  private static final Pattern FORM =
      Pattern.compile(
          "(\\*\\.)?(\\[[0-9a-fA-F:.]{2,45}\\]|[^:\\[\\]\\s/*]{1,253})(?::(\\d{1,5}))?");
  private static final Pattern NAME =
      Pattern.compile(
          "(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*");

  /** Whose last label is a number: an address (RFC 1123, 2.1), or a mistake. */
  private static final Pattern NUMBER_AT_END = Pattern.compile("(?:.*\\.)?[0-9]+");

  private static final Pattern HEXADECIMAL_AT_END =
      Pattern.compile("(?:.*\\.)?0x[0-9a-f]*", Pattern.CASE_INSENSITIVE);

  /** Without leading zeros, which C's inet_aton would take for octal numbers. */
  private static final Pattern DOTTED_QUAD =
      Pattern.compile("(?:0|[1-9][0-9]{0,2})(?:\\.(?:0|[1-9][0-9]{0,2})){3}");

  private static final Pattern PORT_AT_END = Pattern.compile(":[0-9]{1,5}$");

  static HostPattern parse(String text) {
    Matcher matcher = FORM.matcher(text.strip());
    if (!matcher.matches()) {
      throw invalid(text);
    }
    boolean wildcard = matcher.group(1) != null;
    String host = matcher.group(2);
    OptionalInt port = OptionalInt.empty();
    if (matcher.group(3) != null) {
      int number = Integer.parseInt(matcher.group(3));
      if (number < 1 || number > 65_535) {
        throw invalid(text);
      }
      port = OptionalInt.of(number);
    }
    boolean bracketed = host.startsWith("[");
    if (bracketed || NUMBER_AT_END.matcher(host).matches()) {
      if (wildcard) {
        throw invalid(text);
      }
      return new HostPattern(address(host, bracketed, text), true, false, port);
    }
    return new HostPattern(name(host, text), false, wildcard, port);
  }

  /** Whether resolvers could take a name for an address: 10.0.0.1, 127.1, 2130706433, 0x7f.1. */
  static boolean isAddressLike(String name) {
    return NUMBER_AT_END.matcher(name).matches() || HEXADECIMAL_AT_END.matcher(name).matches();
  }

  /**
   * What to write instead of a host that was refused, as a sentence that begins with a space; empty
   * where there is nothing to say. Names in other scripts have more than one ASCII form (IDNA 2003
   * and 2008): which one is meant is not for us to choose.
   */
  static String advice(String text) {
    if (!isAscii(text)) {
      return " Names are written in ASCII: xn--bcher-kva.example (punycode) for bücher.example,"
          + " and addresses in plain digits.";
    }
    return isAddressLike(PORT_AT_END.matcher(text.strip()).replaceFirst(""))
        ? " What ends with a number is an address: write it as four decimal numbers without leading"
            + " zeros, as in 192.0.2.1."
        : "";
  }

  boolean matchesName(String name) {
    return !isAddress && (wildcard ? name.endsWith("." + host) : name.equals(host));
  }

  boolean matchesAddress(String address) {
    return isAddress && host.equals(address);
  }

  boolean matchesPort(int wanted) {
    return port.isEmpty() || port.getAsInt() == wanted;
  }

  /** Whether some name and port match both. */
  boolean overlaps(HostPattern other) {
    boolean ports = port.isEmpty() || other.port.isEmpty() || port.equals(other.port);
    boolean below =
        wildcard && other.wildcard && (host.equals(other.host) || host.endsWith("." + other.host));
    return ports
        && !isAddress
        && !other.isAddress
        && (below || (wildcard ? matchesName(other.host) : other.matchesName(host)));
  }

  /** Whether it is the guest's own loopback, whose connections never come here. */
  boolean isTheGuests() {
    if (!isAddress) {
      return host.equals("localhost");
    }
    InetAddress address = InetAddress.ofLiteral(host);
    return address.isLoopbackAddress() || address.isAnyLocalAddress();
  }

  private static String address(String host, boolean bracketed, String text) {
    if (!bracketed && !DOTTED_QUAD.matcher(host).matches()) {
      // The JDK would read 1.2.3 as 1.2.0.3.
      throw invalid(text);
    }
    try {
      InetAddress address =
          bracketed
              ? java.net.Inet6Address.ofLiteral(host.substring(1, host.length() - 1))
              : java.net.Inet4Address.ofLiteral(host);
      return address.getHostAddress();
    } catch (IllegalArgumentException e) {
      throw invalid(text);
    }
  }

  private static String name(String host, String text) {
    String name = isAscii(host) ? host.toLowerCase(Locale.ROOT) : "";
    if (!NAME.matcher(name).matches() || isAddressLike(name)) {
      throw invalid(text);
    }
    return name;
  }

  static boolean isAscii(String text) {
    return text.chars().allMatch(c -> c < 0x80);
  }

  private static InvalidOptionException invalid(String text) {
    return new InvalidOptionException(
        "'"
            + text
            + "' is not something an allow list (allow-net) can name. Write example.com, *.example.com, 192.0.2.1 or [2001:db8::1], each with an optional :port."
            + advice(text));
  }
}
