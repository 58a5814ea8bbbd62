package dev.belljar.engine;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.net.spi.InetAddressResolver;
import java.net.spi.InetAddressResolverProvider;
import java.security.Security;
import java.util.List;
import java.util.Locale;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Stream;

/**
 * This JVM's resolver: writes down what it is asked, and answers itself for names below {@code
 * names.test}: {@code private}, {@code metadata}, {@code loopback}, {@code six} and {@code mapped}
 * lead where their names say; {@code rebinding} is public when it is first asked for, and loopback
 * from then on.
 */
public final class TestNames extends InetAddressResolverProvider {
  static final String BELOW = ".names.test";
  private static final Queue<String> ASKED = new ConcurrentLinkedQueue<>();

  /** How often a name was asked for, or all names that contain a text. */
  static long asked(String part) {
    return ASKED.stream().filter(name -> name.contains(part)).count();
  }

  @Override
  public String name() {
    return "names of the tests";
  }

  @Override
  public InetAddressResolver get(Configuration configuration) {
    // A kept answer would hide that somebody asks twice.
    Security.setProperty("networkaddress.cache.ttl", "0");
    Security.setProperty("networkaddress.cache.negative.ttl", "0");
    InetAddressResolver system = configuration.builtinResolver();
    return new InetAddressResolver() {
      @Override
      public Stream<InetAddress> lookupByName(String host, LookupPolicy policy)
          throws UnknownHostException {
        String name = host.toLowerCase(Locale.ROOT);
        ASKED.add(name);
        return name.endsWith(BELOW) ? own(name) : system.lookupByName(host, policy);
      }

      @Override
      public String lookupByAddress(byte[] address) throws UnknownHostException {
        return system.lookupByAddress(address);
      }
    };
  }

  private static Stream<InetAddress> own(String name) throws UnknownHostException {
    String label = name.substring(0, name.length() - BELOW.length());
    List<String> addresses =
        switch (label) {
          case "private" -> List.of("10.0.0.1", "192.168.0.1");
          case "metadata" -> List.of("169.254.169.254", "fd00:ec2::254");
          case "loopback" -> List.of("127.0.0.1");
          case "six" -> List.of("::1", "fe80::1", "fd00::1");
          case "mapped" -> List.of("::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::");
          case "rebinding" -> List.of(asked(name) == 1 ? "93.184.216.34" : "127.0.0.1");
          default -> throw new UnknownHostException(name);
        };
    return addresses.stream().map(InetAddress::ofLiteral);
  }
}
