package dev.belljar.engine.agent;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;

/** What a guest asks to be connected to, checked for its form before anything else sees it. */
final class EgressTarget {
  private static final Pattern NAME = Pattern.compile("[a-z0-9_-]{1,63}(\\.[a-z0-9_-]{1,63})*");

  private EgressTarget() {}

  /** The name, or the address in its numeric form. */
  static String text(int form, byte[] host) throws ProtocolException {
    switch (form) {
      case 0 -> {
        String name = new String(host, StandardCharsets.US_ASCII);
        if (!NAME.matcher(name).matches()) {
          throw new ProtocolException("a name that is none");
        }
        return name;
      }
      case 4, 6 -> {
        if (host.length != (form == 4 ? 4 : 16)) {
          throw new ProtocolException("an address of " + host.length + " bytes");
        }
        try {
          return InetAddress.getByAddress(host).getHostAddress();
        } catch (UnknownHostException e) {
          throw new AssertionError("4 and 16 bytes are addresses", e);
        }
      }
      default -> throw new ProtocolException("an address of form " + form);
    }
  }
}
