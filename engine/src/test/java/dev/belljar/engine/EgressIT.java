package dev.belljar.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.belljar.ChildProcessOutput;
import dev.belljar.EgressRecord;
import dev.belljar.EgressRecord.Verdict;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a guest reaches and what it does not, as its own programs see it. */
@Timeout(120)
class EgressIT {
  /** How curl ends: not connected, or connected to the agent and reset when the host refused. */
  private static final Object[] REFUSED = {7, 55, 56};

  private static LoopbackServer server;
  private static ServerSocket raw;
  private static Sandbox listed;
  private static Sandbox open;

  @BeforeAll
  static void create() throws IOException {
    server = LoopbackServer.plain();
    raw = new ServerSocket(0, 10, InetAddress.getLoopbackAddress());
    listed =
        Sandbox.create(
            SandboxOptions.builder()
                .allowNet("api.example.com", "only.example.com:81", "*.wild.example")
                .allowNet("closed.example.com", "raw.example.com")
                .connectTo(toServer("api.example.com", 80))
                .connectTo(toServer("other.example.com", 80))
                .connectTo(toServer("only.example.com", 80))
                .connectTo(toServer("only.example.com", 81))
                .connectTo(toServer("a.b.wild.example", 80))
                .connectTo(toServer("wild.example", 80))
                .connectTo("closed.example.com:80:127.0.0.1:1")
                .connectTo("raw.example.com:80:127.0.0.1:" + raw.getLocalPort())
                .build());
    open = Sandbox.create();
  }

  private static String toServer(String name, int port) {
    return name + ":" + port + ":127.0.0.1:" + server.port();
  }

  @AfterAll
  static void close() throws IOException {
    listed.close();
    open.close();
    raw.close();
    server.close();
  }

  @Test
  void anAllowedNameIsReachedAndRecorded() {
    assertThat(listed.sh("curl -sS http://api.example.com/hello").text())
        .isEqualTo("hello from the host\n");
    EgressRecord last = awaitRecord(listed, "api.example.com", 80, Verdict.ALLOWED);
    assertThat(last.address()).contains("127.0.0.1");
    assertThat(last.bytesOut()).isPositive();
    assertThat(last.bytesIn()).isPositive();
    assertThat(last.reason()).isEmpty();
  }

  @Test
  void aNameThatTheListDoesNotNameDoesNotExist() {
    assertThat(curl(listed, "http://other.example.com/hello").status().code())
        .as("curl: could not resolve host")
        .isEqualTo(6);
    assertThat(listed.sh("getent ahosts other.example.com").noThrow().output().status().code())
        .isEqualTo(2);
    EgressRecord last = awaitRecord(listed, "other.example.com", 0, Verdict.DENIED);
    assertThat(last.reason()).contains("allow list");
    assertThat(last.address()).isEmpty();
    assertThat(last.bytesOut()).isZero();
  }

  @Test
  void aPortThatTheListDoesNotNameIsRefused() {
    assertThat(listed.sh("curl -sS http://only.example.com:81/hello").text()).contains("hello");
    assertThat(curl(listed, "http://only.example.com/hello").status().code()).isIn(REFUSED);
    awaitRecord(listed, "only.example.com", 80, Verdict.DENIED);
  }

  @Test
  void aWildcardMeansTheNamesBelow() {
    assertThat(listed.sh("curl -sS http://a.b.wild.example/hello").text()).contains("hello");
    assertThat(listed.sh("curl -sS http://A.B.Wild.Example/hello").text()).contains("hello");
    assertThat(curl(listed, "http://wild.example/hello").status().code()).isEqualTo(6);
    assertThat(curl(listed, "http://evilwild.example/hello").status().code()).isEqualTo(6);
  }

  @Test
  void anAddressThatTheListDoesNotNameIsRefused() {
    assertThat(curl(listed, "http://93.184.216.34/").status().code()).isIn(REFUSED);
    EgressRecord last = awaitRecord(listed, "93.184.216.34", 80, Verdict.DENIED);
    assertThat(last.reason()).contains("allow list");
    assertThat(curl(listed, "http://127.0.0.1:" + server.port() + "/hello").status().success())
        .as("the guest's own loopback")
        .isFalse();
  }

  @Test
  void withoutANetworkNothingIsReached() {
    try (Sandbox none =
        Sandbox.create(
            SandboxOptions.builder().noNet().connectTo(toServer("api.example.com", 80)).build())) {
      assertThat(curl(none, "http://api.example.com/hello").status().code()).isEqualTo(6);
      assertThat(curl(none, "http://93.184.216.34/").status().code()).isIn(REFUSED);
      assertThat(none.egress()).isNotEmpty().allMatch(r -> r.verdict() == Verdict.DENIED);
    }
  }

  @Test
  void withoutAListTheHostsOwnNetworksAreOutOfReach() throws IOException {
    List<String> forbidden =
        new ArrayList<>(
            List.of("10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1"));
    forbidden.add("0.0.0.1");
    forbidden.add("[fd00::1]");
    forbidden.add("[fe80::1]");
    forbidden.add("[::ffff:10.0.0.1]");
    ownAddresses().forEach(forbidden::add);
    for (String address : forbidden) {
      assertThat(
              curl(open, "http://" + address + ":" + server.port() + "/hello").status().success())
          .as(address)
          .isFalse();
    }
    assertThat(open.egress()).isNotEmpty().noneMatch(r -> r.verdict() == Verdict.ALLOWED);
  }

  private static List<String> ownAddresses() throws IOException {
    return NetworkInterface.networkInterfaces()
        .flatMap(NetworkInterface::inetAddresses)
        .filter(a -> a instanceof Inet4Address && !a.isLoopbackAddress())
        .map(InetAddress::getHostAddress)
        .toList();
  }

  @Test
  void aPrivateAddressIsRefusedEvenIfConnectionsToItAreSentElsewhere() {
    String elsewhere = "127.0.0.1:" + server.port();
    try (Sandbox redirected =
        Sandbox.create(SandboxOptions.builder().connectTo("10.9.9.9:80:" + elsewhere).build())) {
      assertThat(curl(redirected, "http://10.9.9.9/hello").status().success()).isFalse();
      awaitRecord(redirected, "10.9.9.9", 80, Verdict.DENIED);
    }
    try (Sandbox allowed =
        Sandbox.create(
            SandboxOptions.builder()
                .allowNet("10.9.9.9")
                .connectTo("10.9.9.9:80:" + elsewhere)
                .build())) {
      assertThat(curl(allowed, "http://10.9.9.9/hello").status().success()).isTrue();
    }
  }

  @Test
  void aNameThatLeadsToTheHostsLoopbackIsRefused() {
    String own = hostName();
    assertThat(curl(open, "http://" + own + ":" + server.port() + "/hello").status().success())
        .isFalse();
  }

  private static String hostName() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (IOException e) {
      return "localhost.localdomain";
    }
  }

  @Test
  void aClosedPortFailsAtOnce() {
    ChildProcessOutput output = curl(listed, "http://closed.example.com/");
    assertThat(output.status().code()).isIn(REFUSED);
    EgressRecord last = awaitRecord(listed, "closed.example.com", 80, Verdict.FAILED);
    assertThat(last.reason()).isNotBlank();
    assertThat(last.duration()).isLessThan(java.time.Duration.ofSeconds(3));
  }

  @Test
  void aHalfClosedConnectionStillAnswers() throws Exception {
    FutureTask<String> answering =
        new FutureTask<>(
            () -> {
              try (Socket socket = raw.accept()) {
                String all = new String(socket.getInputStream().readAllBytes(), UTF_8);
                socket.getOutputStream().write(("got " + all).getBytes(UTF_8));
                return all;
              }
            });
    Thread.ofVirtual().start(answering);
    String said =
        listed
            .spawn(
                "python3",
                "-c",
                """
                import socket
                s = socket.create_connection(("raw.example.com", 80))
                s.sendall(b"all of it")
                s.shutdown(socket.SHUT_WR)
                print(s.makefile().read())
                """)
            .output()
            .stdoutText();
    assertThat(said).isEqualTo("got all of it\n");
    assertThat(answering.get(5, TimeUnit.SECONDS)).isEqualTo("all of it");
  }

  @Test
  void aHundredConnectionsAtOnceAreServed() {
    assertThat(
            listed
                .sh(
                    "for i in $(seq 100); do echo \"url=http://api.example.com/hello\"; done"
                        + " | curl -sS -Z --parallel-immediate --parallel-max 100 --no-keepalive -K - | sort | uniq -c")
                .text()
                .strip())
        .isEqualTo("100 hello from the host");
  }

  @Test
  void muchArrivesWholeInBothDirections() {
    assertThat(listed.sh("curl -sS http://api.example.com/bytes?30000000 | wc -c").text().strip())
        .isEqualTo("30000000");
    assertThat(
            listed
                .sh("head -c 20000000 /dev/urandom | curl -sS -T - http://api.example.com/count")
                .text())
        .isEqualTo("20000000\n");
    await()
        .until(
            () ->
                listed.egress().stream().anyMatch(r -> r.bytesIn() > 30_000_000)
                    && listed.egress().stream().anyMatch(r -> r.bytesOut() > 20_000_000));
  }

  @Test
  void otherDatagramsGoNowhere() {
    assertThat(
            open.spawn(
                    "python3",
                    "-c",
                    """
                    import socket
                    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    s.settimeout(1)
                    try:
                        s.sendto(b"x", ("8.8.8.8", 123))
                        s.recv(1)
                        print("answered")
                    except OSError as e:
                        print("nothing")
                    """)
                .output()
                .stdoutText())
        .isEqualTo("nothing\n");
  }

  private static ChildProcessOutput curl(Sandbox from, String url) {
    return from.sh("curl -sS --max-time 20 -g '" + url + "'").noThrow().output();
  }

  /** A connection is recorded when it has ended, which may be after the program saw its end. */
  private static EgressRecord awaitRecord(Sandbox of, String host, int port, Verdict verdict) {
    return await()
        .until(
            () ->
                of.egress().reversed().stream()
                    .filter(r -> r.host().equals(host) && r.port() == port)
                    .filter(r -> r.verdict() == verdict)
                    .findFirst(),
            Optional::isPresent)
        .orElseThrow();
  }
}
