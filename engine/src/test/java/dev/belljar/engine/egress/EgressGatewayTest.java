package dev.belljar.engine.egress;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.belljar.EgressLimits;
import dev.belljar.EgressRecord;
import dev.belljar.EgressRecord.Verdict;
import dev.belljar.EgressTotals;
import dev.belljar.EgressTotals.Limit;
import dev.belljar.SandboxOptions;
import dev.belljar.engine.agent.ScriptedPeer;
import dev.belljar.engine.agent.ScriptedPeer.Frame;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.UnknownHostException;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What somebody in the agent's place is told, and what is counted. */
@Timeout(60)
class EgressGatewayTest {
  private static final int ENOENT = 2;

  /** This host's files have names of their own, and so has its network. */
  private static final Map<String, String[]> NAMES =
      Map.of(
          "localhost.localdomain", new String[] {"127.0.0.1", "::1"},
          "this.host", new String[] {"127.0.1.1"},
          "printer.lan", new String[] {"192.168.1.9", "fe80::9"},
          "public.example", new String[] {"93.184.216.34"},
          "mixed.example", new String[] {"10.0.0.1", "93.184.216.34"});

  private final EgressLog log = new EgressLog("sbx_test");
  private ServerSocket server;
  private int streams;

  @BeforeEach
  void listen() throws IOException {
    server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    Thread.ofVirtual().start(this::repeat);
  }

  @AfterEach
  void stop() throws IOException {
    server.close();
  }

  private void repeat() {
    while (true) {
      try {
        Socket socket = server.accept();
        Thread.ofVirtual()
            .start(
                () -> {
                  try (socket) {
                    socket.getInputStream().transferTo(socket.getOutputStream());
                  } catch (IOException e) {
                    // The gateway left.
                  }
                });
      } catch (IOException e) {
        return;
      }
    }
  }

  private EgressGateway gateway(SandboxOptions.Builder options, String limits) {
    return new EgressGateway(
        EgressPolicy.of(options.build()),
        EgressLimits.parse(limits),
        Optional.empty(),
        log,
        new NameService(EgressGatewayTest::resolve, NameService.PATIENCE));
  }

  private static InetAddress[] resolve(String name) throws UnknownHostException {
    String[] addresses = NAMES.get(name);
    if (addresses == null) {
      throw new UnknownHostException(name);
    }
    InetAddress[] resolved = new InetAddress[addresses.length];
    for (int i = 0; i < addresses.length; i++) {
      resolved[i] = InetAddress.ofLiteral(addresses[i]);
    }
    return resolved;
  }

  private EgressGateway toServer(String limits) {
    return toPort(server.getLocalPort(), limits);
  }

  private EgressGateway toPort(int port, String limits) {
    return gateway(
        SandboxOptions.builder()
            .allowNet("api.example.com")
            .connectTo("api.example.com:22:127.0.0.1:" + port),
        limits);
  }

  /** Taken, so that nobody else can listen there, and not listened on. */
  private static int portThatRefuses(Socket taken) throws IOException {
    taken.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    return taken.getLocalPort();
  }

  private int open(ScriptedPeer peer, byte[] payload) throws IOException {
    int id = ScriptedPeer.AGENT_ID + streams++;
    peer.send(ScriptedPeer.OPEN, id, payload);
    return id;
  }

  private static Frame answer(ScriptedPeer peer, int id) throws IOException {
    Frame frame = peer.next();
    while (frame.id() != id
        || (frame.type() != ScriptedPeer.ACCEPT && frame.type() != ScriptedPeer.REFUSE)) {
      frame = peer.next();
    }
    return frame;
  }

  private static void awaitType(ScriptedPeer peer, int type) throws IOException {
    while (peer.next().type() != type) {
      // Credit, and the ends of others.
    }
  }

  private int connect(ScriptedPeer peer, String name) throws IOException {
    return open(peer, ScriptedPeer.connect(0, name.getBytes(US_ASCII), 22));
  }

  private static byte[] neitherTlsNorHttp(int length) {
    return new byte[length];
  }

  // Names

  @ParameterizedTest
  @ValueSource(strings = {"localhost.localdomain", "this.host", "printer.lan", "nothing.example"})
  void withoutAListNamesOfThisHostAndItsNetworksAreTakenForNamesThatDoNotExist(String name)
      throws IOException {
    try (EgressGateway gateway = gateway(SandboxOptions.builder(), "connections=9");
        ScriptedPeer peer = ScriptedPeer.connected(gateway)) {
      Frame lookup = answer(peer, open(peer, ScriptedPeer.lookup(name)));
      assertThat(lookup.type()).isEqualTo(ScriptedPeer.REFUSE);
      assertThat(lookup.u32()).isEqualTo(ENOENT);

      Frame connect = answer(peer, connect(peer, name));
      assertThat(connect.type()).isEqualTo(ScriptedPeer.REFUSE);
      assertThat(connect.u32()).isEqualTo(ENOENT);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"public.example", "mixed.example"})
  void namesWithAnAddressThatMayBeDialledExist(String name) throws IOException {
    try (EgressGateway gateway = gateway(SandboxOptions.builder(), "connections=9");
        ScriptedPeer peer = ScriptedPeer.connected(gateway)) {
      assertThat(answer(peer, open(peer, ScriptedPeer.lookup(name))).type())
          .isEqualTo(ScriptedPeer.ACCEPT);
    }
  }

  @Test
  void theRecordSaysWhatTheGuestIsNotTold() throws IOException {
    try (EgressGateway gateway = gateway(SandboxOptions.builder(), "connections=9");
        ScriptedPeer peer = ScriptedPeer.connected(gateway)) {
      answer(peer, open(peer, ScriptedPeer.lookup("this.host")));
    }
    assertThat(log.records())
        .singleElement()
        .satisfies(
            record -> {
              assertThat(record.verdict()).isEqualTo(Verdict.DENIED);
              assertThat(record.reason()).contains("127.0.1.1");
            });
  }

  // Totals

  @Test
  void anOpenConnectionIsCountedWhileItIsAndOnceWhenItHasEnded() throws IOException {
    EgressGateway gateway = toServer("connections=9");
    try (gateway;
        ScriptedPeer peer = ScriptedPeer.connected(gateway)) {
      int id = connect(peer, "api.example.com");
      answer(peer, id);
      peer.send(ScriptedPeer.DATA, id, neitherTlsNorHttp(5));
      await()
          .untilAsserted(
              () ->
                  assertThat(gateway.totals())
                      .isEqualTo(new EgressTotals(Map.of(), Map.of(), 1, 5, 5)));

      peer.send(ScriptedPeer.END, id);
      EgressTotals ended = new EgressTotals(Map.of(Verdict.ALLOWED, 1L), Map.of(), 0, 5, 5);
      await().untilAsserted(() -> assertThat(gateway.totals()).isEqualTo(ended));
      gateway.close();
      assertThat(gateway.totals()).isEqualTo(ended);
    }
  }

  @Test
  void connectionsThatTheSandboxesEndCutsAreCountedToo() throws IOException {
    EgressGateway gateway = toServer("connections=9");
    try (ScriptedPeer peer = ScriptedPeer.connected(gateway)) {
      answer(peer, connect(peer, "api.example.com"));
      gateway.close();
      await()
          .untilAsserted(
              () -> {
                assertThat(gateway.totals().open()).isZero();
                assertThat(gateway.totals().count(Verdict.ALLOWED)).isEqualTo(1);
              });
    }
  }

  @Test
  void refusalsOfPolicyAndFailuresAreCounted() throws IOException {
    try (Socket nobody = new Socket();
        EgressGateway gateway = toPort(portThatRefuses(nobody), "connections=9");
        ScriptedPeer peer = ScriptedPeer.connected(gateway)) {
      answer(peer, connect(peer, "other.example.com"));
      answer(peer, open(peer, ScriptedPeer.lookup("other.example.com")));
      answer(peer, connect(peer, "api.example.com"));
      await()
          .untilAsserted(
              () ->
                  assertThat(gateway.totals())
                      .isEqualTo(
                          new EgressTotals(
                              Map.of(Verdict.DENIED, 2L, Verdict.FAILED, 1L), Map.of(), 0, 0, 0)));
    }
  }

  @Test
  void oneMoreConnectionThanAllowedIsCountedForThatLimit() throws IOException {
    try (EgressGateway gateway = toServer("connections=1");
        ScriptedPeer peer = ScriptedPeer.connected(gateway)) {
      answer(peer, connect(peer, "api.example.com"));
      assertThat(answer(peer, connect(peer, "api.example.com")).type())
          .isEqualTo(ScriptedPeer.REFUSE);
      awaitLimited(gateway, Limit.CONNECTIONS, 1);
    }
  }

  @Test
  void aConnectionThatTheLimitOfBytesEndsIsCountedOnceAndSoIsTheNextOne() throws IOException {
    try (EgressGateway gateway = toServer("bytes=10");
        ScriptedPeer peer = ScriptedPeer.connected(gateway)) {
      int id = connect(peer, "api.example.com");
      answer(peer, id);
      peer.send(ScriptedPeer.DATA, id, neitherTlsNorHttp(11));
      awaitType(peer, ScriptedPeer.RESET);
      awaitLimited(gateway, Limit.BYTES, 1);
      answer(peer, connect(peer, "api.example.com"));
      awaitLimited(gateway, Limit.BYTES, 2);
    }
  }

  @Test
  void aConnectionThatIsIdleForTooLongIsCountedForThatLimit() throws IOException {
    try (EgressGateway gateway = toServer("idle=1s,bytes=10");
        ScriptedPeer peer = ScriptedPeer.connected(gateway)) {
      answer(peer, connect(peer, "api.example.com"));
      awaitLimited(gateway, Limit.IDLE, 1);
    }
  }

  @Test
  void lookUpsThatWouldWaitTooLongAreCountedForThatLimit() throws IOException {
    try (EgressGateway gateway = toServer("per-second=1");
        ScriptedPeer peer = ScriptedPeer.connected(gateway)) {
      for (int i = 0; i < 20; i++) {
        open(peer, ScriptedPeer.lookup("api.example.com"));
      }
      await()
          .untilAsserted(
              () -> assertThat(gateway.totals().count(Limit.PER_SECOND)).isBetween(8L, 10L));
      assertThat(log.records()).extracting(EgressRecord::verdict).containsOnly(Verdict.LIMITED);
    }
  }

  private static void awaitLimited(EgressGateway gateway, Limit limit, long count) {
    await()
        .untilAsserted(
            () ->
                assertThat(gateway.totals())
                    .satisfies(
                        totals -> {
                          assertThat(totals.limits()).containsEntry(limit, count);
                          assertThat(totals.count(Verdict.LIMITED)).isEqualTo(count);
                          assertThat(totals.open()).isEqualTo(limit == Limit.CONNECTIONS ? 1 : 0);
                        }));
  }
}
