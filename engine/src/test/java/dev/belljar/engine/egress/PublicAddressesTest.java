package dev.belljar.engine.egress;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.NetworkInterface;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PublicAddressesTest {

  @ParameterizedTest
  @ValueSource(
      strings = {
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "93.184.216.34",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.1",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.1",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2a00:1450:4001:81b::200e",
        "2001:4860:4860::8888",
        "2001:200::1",
        "3ffe::1"
      })
  void thePublicInternetIsReached(String address) {
    assertThat(PublicAddresses.contains(InetAddress.ofLiteral(address))).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.100.100.200", // Alibaba Cloud's metadata
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "168.63.129.16", // Azure's wire server
        "169.254.0.0",
        "169.254.169.254", // most clouds' metadata
        "169.254.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.0.192", // Oracle Cloud's metadata
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.0",
        "192.168.255.255",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255"
      })
  void specialIpv4IsNot(String address) {
    assertThat(PublicAddresses.contains(InetAddress.ofLiteral(address))).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "::",
        "::1",
        "::7f00:1", // 127.0.0.1, the deprecated compatible form
        "64:ff9b::7f00:1", // 127.0.0.1 through NAT64
        "64:ff9b::a00:1", // 10.0.0.1 through NAT64
        "64:ff9b:1::1",
        "100::1",
        "2001::1", // Teredo
        "2001:10::1",
        "2001:20::1",
        "2001:1ff::1",
        "2001:db8::1",
        "2002:7f00:1::", // 127.0.0.1 through 6to4
        "2002:a00:1::1", // 10.0.0.1 through 6to4
        "2002:808:808::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254", // Amazon's metadata
        "fd20:ce::254", // Google's metadata
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "4000::1"
      })
  void specialIpv6IsNot(String address) {
    assertThat(PublicAddresses.contains(InetAddress.ofLiteral(address))).isFalse();
  }

  @Test
  void ipv4MappedIntoIpv6IsWhatItMaps() throws Exception {
    byte[] mapped = new byte[16];
    mapped[10] = mapped[11] = (byte) 0xff;
    mapped[12] = 127;
    mapped[15] = 1;
    assertThat(PublicAddresses.contains(InetAddress.getByAddress(mapped))).isFalse();
    mapped[12] = mapped[13] = mapped[14] = mapped[15] = 8;
    assertThat(PublicAddresses.contains(InetAddress.getByAddress(mapped))).isTrue();
  }

  @Test
  void noAddressOfThisHostIsPublic() throws Exception {
    assertThat(NetworkInterface.networkInterfaces().flatMap(NetworkInterface::inetAddresses))
        .isNotEmpty()
        .noneMatch(PublicAddresses::contains);
  }
}
