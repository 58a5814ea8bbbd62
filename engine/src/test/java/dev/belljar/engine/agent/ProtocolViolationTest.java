package dev.belljar.engine.agent;

import static dev.belljar.engine.agent.ScriptedPeer.ACCEPT;
import static dev.belljar.engine.agent.ScriptedPeer.AGENT_ID;
import static dev.belljar.engine.agent.ScriptedPeer.CREDIT;
import static dev.belljar.engine.agent.ScriptedPeer.DATA;
import static dev.belljar.engine.agent.ScriptedPeer.END;
import static dev.belljar.engine.agent.ScriptedPeer.EXIT;
import static dev.belljar.engine.agent.ScriptedPeer.HELLO;
import static dev.belljar.engine.agent.ScriptedPeer.OPEN;
import static dev.belljar.engine.agent.ScriptedPeer.RESULT;
import static dev.belljar.engine.agent.ScriptedPeer.connect;
import static dev.belljar.engine.agent.ScriptedPeer.frame;
import static dev.belljar.engine.agent.ScriptedPeer.join;
import static dev.belljar.engine.agent.ScriptedPeer.lookup;
import static dev.belljar.engine.agent.ScriptedPeer.u32;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.params.provider.Arguments.argumentSet;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.FieldSource;

/** Whatever docs/agent-protocol.md forbids ends the connection, and whoever waits for it. */
@Timeout(20)
class ProtocolViolationTest {
  /** Of the streams that the connection under test has made itself. */
  private static final int TWO_WAY = 1;

  private static final int OUTWARD = 2;
  private static final int INWARD = 3;

  /** Of the call that waits. */
  private static final int WAITING = 1;

  private static final byte[] NAME = "example.com".getBytes(US_ASCII);

  static final List<Arguments> wrongLengths = wrongLengths();

  private static List<Arguments> wrongLengths() {
    int[][] wrong = {
      {}, // there is no type 0
      {0, 7, 9}, // HELLO
      {0, 2, 100}, // CALL, which the agent never makes
      {0, 3, 65_601}, // RESULT
      {0, 16, 18}, // EXIT
      {0, 513}, // OPEN
      {1}, // ACCEPT
      {0, 3, 5}, // REFUSE
      {0, 65_537}, // DATA
      {1}, // END
      {0, 3, 5}, // RESET
      {0, 3, 5}, // CREDIT
    };
    List<Arguments> all = new ArrayList<>();
    for (int type = 1; type < wrong.length; type++) {
      for (int length : wrong[type]) {
        all.add(argumentSet("type " + type + " of " + length, type, length));
      }
      all.add(argumentSet("type " + type + " of 2 GiB", type, Integer.MAX_VALUE));
      all.add(argumentSet("type " + type + " of 4 GiB", type, -1));
    }
    return all;
  }

  @ParameterizedTest
  @FieldSource
  void wrongLengths(int type, int length) throws Exception {
    assertEnds(frame(length, type, 0, WAITING, new byte[Math.clamp(length, 0, 70_000)]));
  }

  static final List<Arguments> forbiddenFrames =
      List.of(
          argumentSet("type 0", (Object) frame(0, 0, 0, 0)),
          argumentSet("type 12", (Object) frame(0, 12, 0, 0)),
          argumentSet("type 255", (Object) frame(0, 255, 0, 0)),
          argumentSet("first zero not zero", (Object) frame(4, CREDIT, 0x10000, TWO_WAY, u32(1))),
          argumentSet("last zero not zero", (Object) frame(4, CREDIT, 1, TWO_WAY, u32(1))),
          argumentSet("another version", (Object) ok(HELLO, 0, join(u32(2), u32(0x42454c4c)))),
          argumentSet("another magic", (Object) ok(HELLO, 0, join(u32(1), u32(0x42454c4d)))),
          argumentSet("RESULT of no call", (Object) ok(RESULT, 77, u32(0))),
          argumentSet("RESULT of call 0", (Object) ok(RESULT, 0, u32(0))),
          argumentSet("RESULT of a negative call", (Object) ok(RESULT, -1, u32(0))),
          argumentSet("RESULT with errno 4096", (Object) ok(RESULT, WAITING, u32(4096))),
          argumentSet("RESULT with errno -1", (Object) ok(RESULT, WAITING, u32(-1))),
          argumentSet(
              "RESULT twice",
              (Object) join(ok(RESULT, WAITING, u32(0)), ok(RESULT, WAITING, u32(0)))),
          argumentSet("EXIT of no process", (Object) ok(EXIT, 77, new byte[17])),
          argumentSet("EXIT of a call that is no SPAWN", (Object) ok(EXIT, WAITING, new byte[17])));

  @ParameterizedTest
  @FieldSource
  void forbiddenFrames(byte[] bytes) throws Exception {
    assertEnds(bytes);
  }

  static final List<Arguments> forbiddenOnStreams =
      List.of(
          argumentSet("DATA for stream 0", (Object) ok(DATA, 0, new byte[1])),
          argumentSet("DATA for an id never used", (Object) ok(DATA, 9, new byte[1])),
          argumentSet("END for an id never used", (Object) ok(END, 9)),
          argumentSet("CREDIT for an id never used", (Object) ok(CREDIT, 9, u32(1))),
          argumentSet("DATA against the direction", (Object) ok(DATA, OUTWARD, new byte[1])),
          argumentSet("END against the direction", (Object) ok(END, OUTWARD)),
          argumentSet("CREDIT against the direction", (Object) ok(CREDIT, INWARD, u32(1))),
          argumentSet("CREDIT that was never used", (Object) ok(CREDIT, TWO_WAY, u32(1))),
          argumentSet("CREDIT of nothing", (Object) ok(CREDIT, TWO_WAY, u32(0))),
          argumentSet("CREDIT of 4 GiB", (Object) ok(CREDIT, TWO_WAY, u32(-1))),
          argumentSet("CREDIT of 2 GiB", (Object) ok(CREDIT, TWO_WAY, u32(Integer.MAX_VALUE))),
          argumentSet("END twice", (Object) join(ok(END, TWO_WAY), ok(END, TWO_WAY))),
          argumentSet(
              "DATA after END", (Object) join(ok(END, TWO_WAY), ok(DATA, TWO_WAY, new byte[1]))),
          argumentSet("ACCEPT of what needs none", (Object) ok(ACCEPT, TWO_WAY)),
          argumentSet("DATA over credit", (Object) overCredit()));

  private static byte[] overCredit() {
    byte[] most = ok(DATA, INWARD, new byte[64 << 10]);
    return join(most, most, most, most, ok(DATA, INWARD, new byte[1]));
  }

  @ParameterizedTest
  @FieldSource
  void forbiddenOnStreams(byte[] bytes) throws Exception {
    assertEnds(bytes);
  }

  static final List<Arguments> forbiddenOpens =
      List.of(
          argumentSet("an id of the host's", (Object) ok(OPEN, 5, connect(0, NAME, 80))),
          argumentSet("id 0", (Object) ok(OPEN, 0, connect(0, NAME, 80))),
          argumentSet("kind 0", (Object) ok(OPEN, AGENT_ID, new byte[] {0})),
          argumentSet("a DIAL by the agent", (Object) ok(OPEN, AGENT_ID, new byte[] {3, 0, 80})),
          argumentSet("kind 255", (Object) ok(OPEN, AGENT_ID, new byte[] {-1})),
          argumentSet("a CONNECT of nothing", (Object) ok(OPEN, AGENT_ID, new byte[] {1})),
          argumentSet("form 5", (Object) ok(OPEN, AGENT_ID, connect(5, new byte[4], 80))),
          argumentSet("a short IPv4", (Object) ok(OPEN, AGENT_ID, connect(4, new byte[3], 80))),
          argumentSet("a long IPv4", (Object) ok(OPEN, AGENT_ID, connect(4, new byte[16], 80))),
          argumentSet("a short IPv6", (Object) ok(OPEN, AGENT_ID, connect(6, new byte[4], 80))),
          argumentSet("no name", (Object) ok(OPEN, AGENT_ID, connect(0, new byte[0], 80))),
          argumentSet("a name of 254", (Object) ok(OPEN, AGENT_ID, lookup("a.".repeat(127)))),
          argumentSet("a label of 64", (Object) ok(OPEN, AGENT_ID, lookup("a".repeat(64)))),
          argumentSet("upper case", (Object) ok(OPEN, AGENT_ID, lookup("Example.com"))),
          argumentSet("a final dot", (Object) ok(OPEN, AGENT_ID, lookup("example.com."))),
          argumentSet("a first dot", (Object) ok(OPEN, AGENT_ID, lookup(".example.com"))),
          argumentSet("a line feed", (Object) ok(OPEN, AGENT_ID, lookup("a\nb"))),
          argumentSet("a last line feed", (Object) ok(OPEN, AGENT_ID, lookup("example.com\n"))),
          argumentSet("NUL", (Object) ok(OPEN, AGENT_ID, lookup("a\0b"))),
          argumentSet("a slash", (Object) ok(OPEN, AGENT_ID, lookup("a/b"))),
          argumentSet("a colon", (Object) ok(OPEN, AGENT_ID, lookup("::1"))),
          argumentSet("a byte over", (Object) ok(OPEN, AGENT_ID, join(lookup("a"), new byte[1]))),
          argumentSet(
              "a string beyond the frame",
              (Object) ok(OPEN, AGENT_ID, join(new byte[] {2}, u32(200), NAME))),
          argumentSet(
              "a string of 4 GiB", (Object) ok(OPEN, AGENT_ID, join(new byte[] {2}, u32(-1)))));

  @ParameterizedTest
  @FieldSource
  void forbiddenOpens(byte[] bytes) throws Exception {
    assertEnds(bytes);
  }

  private static byte[] ok(int type, int id, byte... payload) {
    return frame(payload.length, type, 0, id, payload);
  }

  /**
   * Sends that to a connection with a call that waits and three streams, and sees all of it end.
   */
  private static void assertEnds(byte[] bytes) throws Exception {
    try (ScriptedPeer peer = ScriptedPeer.connected()) {
      AgentConnection connection = peer.connection();
      connection.newStream(true, true);
      connection.newStream(true, false);
      AgentStream inward = connection.newStream(false, true);
      AgentConnection.Call waiting = connection.start(Operation.PING, new BodyWriter());
      assertThat(waiting.id()).isEqualTo(WAITING);
      peer.next(ScriptedPeer.CALL);

      try {
        peer.raw(bytes);
      } catch (java.io.IOException e) {
        // The host hung up before it had all of it, as it may.
      }

      assertThat(connection.ended().get(5, TimeUnit.SECONDS)).isInstanceOf(ProtocolException.class);
      if (!(waiting.result().isDone() && !waiting.result().isCompletedExceptionally())) {
        assertThatExceptionOfType(ConnectionEndedException.class)
            .isThrownBy(() -> connection.await(waiting))
            .withCauseInstanceOf(ProtocolException.class);
      }
      assertThatExceptionOfType(ConnectionEndedException.class)
          .isThrownBy(() -> connection.call(Operation.PING, new BodyWriter()))
          .withCauseInstanceOf(ProtocolException.class);
      assertThatExceptionOfType(ConnectionEndedException.class)
          .isThrownBy(() -> inward.input().readAllBytes());
    }
  }
}
