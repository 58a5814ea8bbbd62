package dev.belljar.engine.egress.http;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.belljar.engine.streams.ReadAhead;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Optional;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A guest on one side, a server on the other, byte for byte. */
@Timeout(30)
class HttpRelayTest {
  private static final String GET = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";

  private Pair guest;
  private Pair server;
  private FutureTask<Optional<String>> requests = new FutureTask<>(Optional::empty);
  private FutureTask<String> responses = new FutureTask<>(() -> "");

  /** Two ends of a connection. */
  private record Pair(Socket ours, Socket relays) {
    static Pair open() throws IOException {
      try (ServerSocket listener = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
        Socket ours = new Socket(listener.getInetAddress(), listener.getLocalPort());
        ours.setSoTimeout(20_000);
        return new Pair(ours, listener.accept());
      }
    }

    void say(String text) throws IOException {
      ours.getOutputStream().write(text.getBytes(ISO_8859_1));
    }

    String hear(int length) throws IOException {
      return new String(ours.getInputStream().readNBytes(length), ISO_8859_1);
    }

    void hears(String text) throws IOException {
      assertThat(hear(text.length())).isEqualTo(text);
    }

    String rest() throws IOException {
      return new String(ours.getInputStream().readAllBytes(), ISO_8859_1);
    }

    void close() throws IOException {
      ours.close();
      relays.close();
    }
  }

  /** Requests are for a.example; X stands for YY, but for guests it is the other way. */
  private static final class Changing implements Rules {
    private final boolean changing;

    Changing(boolean changing) {
      this.changing = changing;
    }

    @Override
    public Optional<String> refusal(Request request) {
      return request.refusal("a.example"::equals);
    }

    @Override
    public int heldBody(Request request) {
      return changing ? 100 : 0;
    }

    @Override
    public byte[] outgoingBody(Request request, byte[] body) {
      return new String(body, ISO_8859_1).replace("X", "YY").getBytes(ISO_8859_1);
    }

    @Override
    public boolean changesResponses() {
      return changing;
    }

    @Override
    public String incoming(String text) {
      return text.replace("YY", "X");
    }

    @Override
    public byte[] incoming(byte[] body) {
      return incoming(new String(body, ISO_8859_1)).getBytes(ISO_8859_1);
    }

    @Override
    public InputStream incoming(ReadAhead body) throws IOException {
      return new ByteArrayInputStream(incoming(body.readAllBytes()));
    }
  }

  @BeforeEach
  void open() throws IOException {
    guest = Pair.open();
    server = Pair.open();
  }

  @AfterEach
  void close() throws IOException {
    guest.close();
    server.close();
  }

  private void relay(boolean changing) throws IOException {
    HttpRelay relay =
        new HttpRelay(
            guest.relays().getInputStream(),
            guest.relays().getOutputStream(),
            server.relays().getInputStream(),
            server.relays().getOutputStream(),
            new Changing(changing));
    requests = new FutureTask<>(relay::carryRequests);
    responses =
        new FutureTask<>(
            () -> {
              try {
                relay.carryResponses();
                return "";
              } catch (IOException e) {
                return String.valueOf(e.getMessage());
              } finally {
                guest.relays().shutdownOutput();
              }
            });
    Thread.ofVirtual().start(requests);
    Thread.ofVirtual().start(responses);
  }

  @Test
  void requestsOfOneConnectionAreAnsweredInTurn() throws Exception {
    relay(false);
    for (int i = 0; i < 3; i++) {
      guest.say("POST /" + i + " HTTP/1.1\r\nHost: A.Example:80\r\nContent-Length: 3\r\n\r\nabc");
      server.hears(
          "POST /" + i + " HTTP/1.1\r\nHost: A.Example:80\r\nContent-Length: 3\r\n\r\nabc");
      server.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
      guest.hears("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    }
    guest.ours().shutdownOutput();
    assertThat(requests.get()).isEmpty();
  }

  @Test
  void requestsMayBeSentAhead() throws Exception {
    relay(false);
    guest.say(GET + "\r\n" + GET + GET);
    server.hears(GET + GET + GET);
    server.say("HTTP/1.1 204 No\r\n\r\nHTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n");
    server.say("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!");
    guest.hears("HTTP/1.1 204 No\r\n\r\nHTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n");
    guest.hears("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!");
  }

  @Test
  void chunksAndTrailersPassBothWays() throws Exception {
    relay(false);
    String head = "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n";
    guest.say(head + "3;extension=1\r\nabc\r\n");
    server.hears(head + "3\r\nabc\r\n");
    guest.say("1\r\nd\r\n0\r\nX-Sum: 4\r\n\r\n");
    server.hears("1\r\nd\r\n0\r\nX-Sum: 4\r\n\r\n");
    server.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
    guest.hears("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
    server.say("0\r\n\r\n");
    guest.hears("0\r\n\r\n");
  }

  @Test
  void aResponseWithoutALengthEndsWithTheConnection() throws Exception {
    relay(false);
    guest.say(GET);
    server.hears(GET);
    server.say("HTTP/1.0 200 OK\r\n\r\nall of it");
    server.ours().shutdownOutput();
    assertThat(guest.rest()).isEqualTo("HTTP/1.0 200 OK\r\n\r\nall of it");
  }

  @Test
  void aResponseToHeadHasNoBody() throws Exception {
    relay(false);
    guest.say("HEAD / HTTP/1.1\r\nHost: a.example\r\n\r\n" + GET);
    server.say("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    server.say("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!");
    guest.hears("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    guest.hears("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!");
  }

  @Test
  void anInterimResponseIsNotTheAnswer() throws Exception {
    relay(false);
    guest.say(
        "PUT / HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
    server.hear(20);
    server.say("HTTP/1.1 100 Continue\r\n\r\n");
    guest.hears("HTTP/1.1 100 Continue\r\n\r\n");
    guest.say("x");
    server.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    guest.hears("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  }

  @Test
  void anUpgradeThatTheServerTakesIsCopiedFromThere() throws Exception {
    relay(true);
    String upgrade =
        "GET /chat HTTP/1.1\r\nHost: a.example\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n";
    guest.say(upgrade + "early");
    server.hears(upgrade);
    server.say("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n\u0001\u0002");
    guest.hears("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n\u0001\u0002");
    server.hears("early");
    guest.say("\u0000 GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    server.hears("\u0000 GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  }

  @Test
  void anUpgradeThatTheServerDoesNotTakeIsNone() throws Exception {
    relay(false);
    String upgrade =
        "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    guest.say(upgrade + "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    server.hears(upgrade);
    server.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    guest.hears("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assertThat(requests.get()).contains("a request is for 'evil.example'");
    assertThat(guest.hear(12)).isEqualTo("HTTP/1.1 403");
    server.relays().shutdownOutput();
    assertThat(server.rest()).isEmpty();
  }

  @Test
  void anotherProtocolThatNobodyAskedForIsAnError() throws Exception {
    relay(false);
    guest.say(GET);
    server.hears(GET);
    server.say("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n");
    assertThat(responses.get()).contains("nobody asked for");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.example\r\nHost: evil.example\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET http://evil.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "GET http://a.example@evil.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "GET evil.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "CONNECT a.example:80 HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.example\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /\r\n\r\n",
        "GET / HTTP/1.1\nHost: a.example\n\n",
        "GET / HTTP/1.1\r\nHost: a.example\nX: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a.example\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: a.example\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.example\r\n\tHost: evil.example\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.example\0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: +1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding:\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: xchunked\r\n\r\n",
      })
  void aRequestThatCouldBeMeantForAnotherDoesNotPass(String request) throws Exception {
    relay(false);
    guest.say(request);
    assertThat(requests.get()).isPresent();
    assertThat(guest.hear(10)).isEqualTo("HTTP/1.1 4");
    server.relays().shutdownOutput();
    assertThat(server.rest()).isEmpty();
  }

  @Test
  void theSecondRequestIsLookedAtAsTheFirst() throws Exception {
    relay(false);
    guest.say(GET + "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    assertThat(requests.get()).contains("a request is for 'evil.example'");
    server.relays().shutdownOutput();
    assertThat(server.rest()).isEqualTo(GET);
  }

  @Test
  void aHeadThatIsTooLargeIsRefused() throws Exception {
    relay(false);
    guest.say("GET / HTTP/1.1\r\nHost: a.example\r\nX: " + "x".repeat(70_000) + "\r\n\r\n");
    assertThat(requests.get().orElseThrow()).contains("64 KiB");
  }

  @Test
  void bodiesAreChangedAndTheirLengthsToo() throws Exception {
    relay(true);
    guest.say("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\naXb");
    server.hears("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\naYYb");
    server.say("HTTP/1.1 200 OK\r\nX-It: YY\r\nContent-Length: 6\r\n\r\n<YYYY>");
    guest.hears("HTTP/1.1 200 OK\r\nX-It: X\r\nContent-Length: 4\r\n\r\n<XX>");
    guest.say(
        "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nX\r\n0\r\n\r\n");
    server.hears("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nYY");
    server.say(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nY\r\n1\r\nY\r\n0\r\n\r\n");
    guest.hears("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nX\r\n0\r\n\r\n");
  }

  @Test
  void aBodyThatIsTooLargeToBeHeldPassesUnchanged() throws Exception {
    relay(true);
    String body = "X".repeat(5000);
    String head = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5000\r\n\r\n";
    guest.say(head + body);
    server.hears(head + body);
  }

  @Test
  void whoExpectsAnAnswerBeforeABodyThatIsHeldGetsIt() throws Exception {
    relay(true);
    guest.say(
        "POST / HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
    guest.hears("HTTP/1.1 100 Continue\r\n\r\n");
    guest.say("X");
    server.hears("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nYY");
  }

  @Test
  void anEncodingThatCannotBeUndoneDoesNotReachTheGuest() throws Exception {
    relay(true);
    guest.say(GET);
    server.hears(GET);
    server.say("HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\nYY");
    assertThat(guest.rest()).startsWith("HTTP/1.1 502").doesNotContain("YY");
  }

  @Test
  void garbageInPlaceOfAResponseEndsTheConnection() throws Exception {
    relay(false);
    guest.say(GET);
    server.say("not http at all\r\n\r\n");
    assertThat(responses.get()).contains("status line");
    assertThat(guest.rest()).isEmpty();
  }

  @Test
  void whatNobodyAskedForIsTheLastThing() throws Exception {
    relay(false);
    server.say("HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\n\r\n");
    assertThat(guest.rest()).startsWith("HTTP/1.1 408");
    await().until(responses::isDone);
  }

  @Test
  void aBodyInChunksThatLiesIsAnError() throws Exception {
    for (String body : new String[] {"zz\r\n", "2\r\nabc\r\n0\r\n\r\n", "fffffffffffffffff\r\n"}) {
      HttpInput in = new HttpInput(new ByteArrayInputStream(body.getBytes(ISO_8859_1)));
      org.assertj.core.api.Assertions.assertThatThrownBy(
              () -> in.body(new Framing.Chunked()).transferTo(OutputStream.nullOutputStream()))
          .isInstanceOf(IOException.class);
    }
    ByteArrayOutputStream whole = new ByteArrayOutputStream();
    new HttpInput(new ByteArrayInputStream("3\r\nabc\r\n0\r\n\r\n".getBytes(ISO_8859_1)))
        .body(new Framing.Chunked())
        .transferTo(whole);
    assertThat(whole.toString(ISO_8859_1)).isEqualTo("abc");
  }
}
