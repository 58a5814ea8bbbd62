package dev.belljar.engine.egress;

import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.Enumeration;

/**
 * Which addresses are the public internet, and so may be dialled without being named. Everything
 * that the IANA registries of special-purpose addresses (RFC 6890 and successors) do not call
 * globally reachable is not, nor is any address of this host, nor what stands for such an address
 * in another form.
 */
final class PublicAddresses {
  private static final Range[] SPECIAL_4 = {
    range("0.0.0.0", 8), // this network
    range("10.0.0.0", 8), // private
    range("100.64.0.0", 10), // carrier-grade NAT, and some clouds' metadata
    range("127.0.0.0", 8), // loopback
    range("168.63.129.16", 32), // Azure's metadata, in a public range
    range("169.254.0.0", 16), // link-local, and most clouds' metadata
    range("172.16.0.0", 12), // private
    range("192.0.0.0", 24), // protocol assignments
    range("192.0.2.0", 24), // documentation
    range("192.88.99.0", 24), // 6to4 relays
    range("192.168.0.0", 16), // private
    range("198.18.0.0", 15), // benchmarks; our stand-in range
    range("198.51.100.0", 24), // documentation
    range("203.0.113.0", 24), // documentation
    range("224.0.0.0", 4), // multicast
    range("240.0.0.0", 4), // reserved, broadcast
  };
  private static final Range GLOBAL_UNICAST_6 = range("2000::", 3);
  private static final Range[] SPECIAL_6 = {
    range("2001::", 23), // protocol assignments, Teredo, ORCHID
    range("2001:db8::", 32), // documentation
    range("2002::", 16), // 6to4: an IPv4 address in disguise
    range("3fff::", 20), // documentation
  };

  private PublicAddresses() {}

  /** Whether an address is on the public internet, and not this host. */
  static boolean contains(InetAddress address) {
    byte[] bytes = address.getAddress();
    if (address instanceof Inet4Address) {
      return none(SPECIAL_4, bytes) && !isThisHost(address);
    }
    return GLOBAL_UNICAST_6.contains(bytes) && none(SPECIAL_6, bytes) && !isThisHost(address);
  }

  private static boolean none(Range[] ranges, byte[] address) {
    return Arrays.stream(ranges).noneMatch(range -> range.contains(address));
  }

  /**
   * Asked of the system each time: addresses come and go. What cannot be told counts as this host.
   */
  private static boolean isThisHost(InetAddress address) {
    try {
      Enumeration<NetworkInterface> interfaces = NetworkInterface.getNetworkInterfaces();
      while (interfaces.hasMoreElements()) {
        Enumeration<InetAddress> own = interfaces.nextElement().getInetAddresses();
        while (own.hasMoreElements()) {
          if (Arrays.equals(own.nextElement().getAddress(), address.getAddress())) {
            return true;
          }
        }
      }
      return false;
    } catch (SocketException e) {
      return true;
    }
  }

  private static Range range(String network, int bits) {
    try {
      return new Range(InetAddress.getByName(network).getAddress(), bits);
    } catch (UnknownHostException e) {
      throw new AssertionError(network, e);
    }
  }

  @SuppressWarnings("ArrayRecordComponent") // compared only by contains
  private record Range(byte[] network, int bits) {
    boolean contains(byte[] address) {
      if (address.length != network.length) {
        return false;
      }
      for (int bit = 0; bit < bits; bit++) {
        int mask = 0x80 >> (bit % 8);
        if ((address[bit / 8] & mask) != (network[bit / 8] & mask)) {
          return false;
        }
      }
      return true;
    }
  }
}
