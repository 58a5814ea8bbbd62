package dev.belljar;

import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * A value that a sandbox may use and never sees. Its processes have a random placeholder in its
 * place; in HTTPS requests to the hosts that are named here, and nowhere else, the host that runs
 * the sandbox puts the value where the placeholder stands: in the URL, in header fields (also
 * inside Basic credentials), and where it is asked for in the body. Where a response repeats the
 * value it becomes the placeholder again.
 *
 * <p>Immutable. {@link #toString} tells the hosts only.
 */
public final class Secret {
  private static final int LARGEST_VALUE = 8 << 10;
  private static final int MOST_HOSTS = 100;

  private final byte[] value;
  private final List<String> hosts;
  private final boolean inBody;

  private Secret(byte[] value, List<String> hosts, boolean inBody) {
    this.value = value;
    this.hosts = hosts;
    this.inBody = inBody;
  }

  /**
   * A secret for some hosts.
   *
   * @param value 1 to 8192 bytes of UTF-8, without control characters; where it has fewer than 8, a
   *     response that repeats it is not changed
   * @param hosts 1 to 100 names as in an allow list: {@code api.example.com}, {@code
   *     *.example.com}, each with an optional port
   * @throws InvalidOptionException where value or hosts are out of these bounds
   */
  public static Secret of(String value, List<String> hosts) {
    byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
    if (bytes.length == 0 || bytes.length > LARGEST_VALUE) {
      throw new InvalidOptionException(
          "A secret's value has 1 to " + LARGEST_VALUE + " bytes, not " + bytes.length + ".");
    }
    for (byte b : bytes) {
      if ((b >= 0 && b < ' ') || b == 0x7f) {
        throw new InvalidOptionException(
            "A secret's value has a control character (a line feed at its end?), which no request can carry.");
      }
    }
    if (hosts.isEmpty() || hosts.size() > MOST_HOSTS) {
      throw new InvalidOptionException(
          "A secret needs 1 to " + MOST_HOSTS + " hosts that it may be sent to.");
    }
    return new Secret(bytes, List.copyOf(hosts), false);
  }

  /** As {@link #of(String, List)}. */
  public static Secret of(String value, String... hosts) {
    return of(value, List.of(hosts));
  }

  /**
   * The same, put into bodies of requests as well: of at most 1 MiB, as JSON or form encoding where
   * the request says that it is one; not into compressed ones.
   */
  public Secret alsoInBody() {
    return new Secret(value, hosts, true);
  }

  /** The hosts that it may be sent to. */
  public List<String> hosts() {
    return hosts;
  }

  /** Whether it is put into bodies. */
  public boolean inBody() {
    return inBody;
  }

  /** A copy of the value, in UTF-8. */
  public byte[] value() {
    return value.clone();
  }

  @Override
  public String toString() {
    return "Secret for " + hosts;
  }
}
