package dev.belljar;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * How much a sandbox may do on the network, whatever it may reach.
 *
 * @param connections how many may exist at once; 1 to 500. One more is refused
 * @param perSecond how many connections may begin, and how many names may be looked up, in a second
 *     on average; 1 to 10000. More wait for their turn
 * @param bytes how many may go out and come in, over all connections; empty is no limit. Then all
 *     connections end and new ones are refused
 * @param idle how long a connection may carry nothing until it is ended; 1 second to 24 hours
 */
public record EgressLimits(
    int connections, int perSecond, Optional<ByteSize> bytes, Duration idle) {

  private static final int MOST_CONNECTIONS = 500;
  private static final int MOST_PER_SECOND = 10_000;
  private static final Duration LONGEST_IDLE = Duration.ofHours(24);

  /** What holds where nothing else is said: 256 at once, 200 per second, any bytes, 10 minutes. */
  public static final EgressLimits DEFAULT =
      new EgressLimits(256, 200, Optional.empty(), Duration.ofMinutes(10));

  /** Checks the bounds. */
  public EgressLimits {
    check("connections", connections, MOST_CONNECTIONS);
    check("per-second", perSecond, MOST_PER_SECOND);
    if (bytes.isPresent() && bytes.get().bytes() < 1) {
      throw new InvalidOptionException("A limit of no bytes at all is written no-net.");
    }
    if (idle.compareTo(Duration.ofSeconds(1)) < 0 || idle.compareTo(LONGEST_IDLE) > 0) {
      throw new InvalidOptionException(
          "An idle time of " + idle + " is out of bounds: 1 second to 24 hours.");
    }
  }

  /**
   * Reads what differs from the default: {@code connections=50,per-second=10,bytes=100MB,idle=30s},
   * in any order, each at most once.
   *
   * @throws InvalidOptionException where it is not of that form; the part that is wrong is named
   */
  public static EgressLimits parse(String text) {
    int connections = DEFAULT.connections;
    int perSecond = DEFAULT.perSecond;
    Optional<ByteSize> bytes = DEFAULT.bytes;
    Duration idle = DEFAULT.idle;
    List<String> seen = new ArrayList<>();
    for (String part : text.split(",", -1)) {
      int equals = part.indexOf('=');
      String name = equals < 0 ? part.strip() : part.substring(0, equals).strip();
      String value = equals < 0 ? "" : part.substring(equals + 1).strip();
      if (value.isEmpty() || seen.contains(name)) {
        throw malformed(part);
      }
      seen.add(name);
      switch (name) {
        case "connections" -> connections = number(value, part);
        case "per-second" -> perSecond = number(value, part);
        case "bytes" -> bytes = Optional.of(ByteSize.parse(value));
        case "idle" -> idle = duration(value, part);
        default -> throw malformed(part);
      }
    }
    return new EgressLimits(connections, perSecond, bytes, idle);
  }

  /** The stricter of both in each respect. */
  public EgressLimits within(EgressLimits most) {
    Optional<ByteSize> fewer =
        bytes.isPresent()
                && (most.bytes.isEmpty() || bytes.get().bytes() < most.bytes.get().bytes())
            ? bytes
            : most.bytes;
    return new EgressLimits(
        Math.min(connections, most.connections),
        Math.min(perSecond, most.perSecond),
        fewer,
        idle.compareTo(most.idle) < 0 ? idle : most.idle);
  }

  /** In the form that {@link #parse} reads. */
  @Override
  public String toString() {
    return "connections="
        + connections
        + ",per-second="
        + perSecond
        + bytes.map(limit -> ",bytes=" + limit.bytes()).orElse("")
        + ",idle="
        + idle.toMillis()
        + "ms";
  }

  private static void check(String what, int value, int most) {
    if (value < 1 || value > most) {
      throw new InvalidOptionException(
          "A limit of " + value + " " + what + " is out of bounds: 1 to " + most + ".");
    }
  }

  private static int number(String value, String part) {
    if (!value.matches("[0-9]{1,9}")) {
      throw malformed(part);
    }
    return Integer.parseInt(value);
  }

  private static Duration duration(String value, String part) {
    var matcher = java.util.regex.Pattern.compile("([0-9]{1,9})(ms|s|m|h)").matcher(value);
    if (!matcher.matches()) {
      throw malformed(part);
    }
    long amount = Long.parseLong(matcher.group(1));
    return switch (matcher.group(2)) {
      case "ms" -> Duration.ofMillis(amount);
      case "s" -> Duration.ofSeconds(amount);
      case "m" -> Duration.ofMinutes(amount);
      default -> Duration.ofHours(amount);
    };
  }

  private static InvalidOptionException malformed(String part) {
    return new InvalidOptionException(
        "'"
            + part
            + "' is not a limit of egress. Write connections=50,per-second=10,bytes=100MB,idle=30s, or some of these.");
  }
}
