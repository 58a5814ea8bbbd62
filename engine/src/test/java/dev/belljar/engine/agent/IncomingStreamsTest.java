package dev.belljar.engine.agent;

import static dev.belljar.engine.agent.ScriptedPeer.AGENT_ID;
import static dev.belljar.engine.agent.ScriptedPeer.DATA;
import static dev.belljar.engine.agent.ScriptedPeer.OPEN;
import static dev.belljar.engine.agent.ScriptedPeer.REFUSE;
import static dev.belljar.engine.agent.ScriptedPeer.RESET;
import static dev.belljar.engine.agent.ScriptedPeer.connect;
import static dev.belljar.engine.agent.ScriptedPeer.lookup;
import static dev.belljar.engine.agent.ScriptedPeer.u32;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.engine.agent.AgentConnection.Incoming;
import dev.belljar.engine.agent.AgentConnection.IncomingStreams;
import java.io.IOException;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class IncomingStreamsTest {
  private static final byte[] NAME = "example.com".getBytes(US_ASCII);
  private static final byte[] TARGET = connect(0, NAME, 443);

  @Test
  void whatTheAgentAsksForArrivesAsText() throws Exception {
    var incoming = new ScriptedPeer.Refusing();
    try (ScriptedPeer peer = ScriptedPeer.connected(incoming)) {
      peer.send(OPEN, AGENT_ID + 1, TARGET);
      assertThat(peer.next(REFUSE).u32()).isEqualTo(13);
      peer.send(OPEN, AGENT_ID + 2, connect(4, new byte[] {10, 0, 0, 1}, 65_535));
      assertThat(peer.next(REFUSE).id()).isEqualTo(AGENT_ID + 2);
      peer.send(OPEN, AGENT_ID + 3, lookup("a_b-c.example"));
      assertThat(peer.next(REFUSE).u32()).isEqualTo(2);
      assertThat(incoming.asked)
          .containsExactlyInAnyOrder(
              "example.com name 443", "10.0.0.1 address 65535", "a_b-c.example");
    }
  }

  @Test
  void anIdMayBeUsedAgainWhenItsStreamIsOver() throws Exception {
    try (ScriptedPeer peer = ScriptedPeer.connected()) {
      for (int i = 0; i < 2000; i++) {
        peer.send(OPEN, AGENT_ID, TARGET);
        assertThat(peer.next(REFUSE).id()).isEqualTo(AGENT_ID);
      }
    }
  }

  @Test
  void fiveHundredAndTwelveStreamsMayBeOpenAndNoMore() throws Exception {
    var waiting = new Waiting();
    try (ScriptedPeer peer = ScriptedPeer.connected(waiting)) {
      for (int i = 0; i < 512; i++) {
        peer.send(OPEN, AGENT_ID + i, TARGET);
      }
      for (int i = 0; i < 512; i++) {
        assertThat(waiting.arrived.poll(5, TimeUnit.SECONDS)).isNotNull();
      }
      assertThat(peer.connection().ended()).isNotDone();
      peer.send(OPEN, AGENT_ID + 512, TARGET);
      assertThat(peer.connection().ended().get(5, TimeUnit.SECONDS))
          .isInstanceOf(ProtocolException.class);
    }
  }

  @Test
  void anOpenOfWhatIsOpenEndsTheConnection() throws Exception {
    try (ScriptedPeer peer = ScriptedPeer.connected(new Waiting())) {
      peer.send(OPEN, AGENT_ID, TARGET).send(OPEN, AGENT_ID, TARGET);
      assertThat(peer.connection().ended().get(5, TimeUnit.SECONDS))
          .isInstanceOf(ProtocolException.class);
    }
  }

  @Test
  void handlersUnderWayAreBoundedThoughTheAgentResets() throws Exception {
    var running = new AtomicInteger();
    var most = new AtomicInteger();
    var release = new CountDownLatch(1);
    IncomingStreams slow =
        new IncomingStreams() {
          @Override
          public void connect(Incoming stream, String host, boolean isName, int port) {
            most.accumulateAndGet(running.incrementAndGet(), Math::max);
            awaitQuietly(release);
            running.decrementAndGet();
            stream.refuse(111);
          }

          @Override
          public void lookup(Incoming stream, String name) {
            stream.refuse(2);
          }
        };
    try (ScriptedPeer peer = ScriptedPeer.connected(slow)) {
      // What the host answers is thrown away, as a hostile agent would.
      Thread.ofVirtual().start(() -> readToEnd(peer));
      for (int i = 0; i < 5000; i++) {
        peer.send(OPEN, AGENT_ID + i, TARGET).send(RESET, AGENT_ID + i, u32(0));
      }
      peer.hangUp();
      peer.connection().ended().get(5, TimeUnit.SECONDS);
      assertThat(most.get()).isLessThanOrEqualTo(512);
    } catch (IOException e) {
      // Hanging up on an agent that does this is as good.
      assertThat(most.get()).isLessThanOrEqualTo(512);
    } finally {
      release.countDown();
    }
  }

  @Test
  void aLateAnswerNeverTouchesTheNextStreamOfThatId() throws Exception {
    var waiting = new Waiting();
    try (ScriptedPeer peer = ScriptedPeer.connected(waiting)) {
      peer.send(OPEN, AGENT_ID, TARGET);
      Incoming first = waiting.take();
      peer.send(RESET, AGENT_ID, u32(0)).send(OPEN, AGENT_ID, TARGET);
      Incoming second = waiting.take();

      AgentStream stream = second.accept();
      peer.next(ScriptedPeer.ACCEPT);
      first.refuse(111);
      peer.send(DATA, AGENT_ID, "still here".getBytes(UTF_8)).send(ScriptedPeer.END, AGENT_ID);
      assertThat(new String(stream.input().readAllBytes(), UTF_8)).isEqualTo("still here");

      stream.output().write(1);
      assertThat(peer.next(DATA).id()).as("and no REFUSE came before it").isEqualTo(AGENT_ID);
    }
  }

  @Test
  void aStreamResetByTheAgentEndsItsReaderWithTheErrno() throws Exception {
    var waiting = new Waiting();
    try (ScriptedPeer peer = ScriptedPeer.connected(waiting)) {
      peer.send(OPEN, AGENT_ID, TARGET);
      AgentStream stream = waiting.take().accept();
      peer.send(DATA, AGENT_ID, (byte) 7).send(RESET, AGENT_ID, u32(104));
      assertThat(stream.input().read()).as("what came before it is still read").isEqualTo(7);
      org.assertj.core.api.Assertions.assertThatExceptionOfType(StreamResetException.class)
          .isThrownBy(() -> stream.input().read())
          .satisfies(e -> assertThat(e.errno()).isEqualTo(104));
    }
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void readToEnd(ScriptedPeer peer) {
    try {
      while (true) {
        peer.next();
      }
    } catch (IOException e) {
      // Nothing more is said.
    }
  }

  /** Keeps what was asked until the test decides. */
  private static final class Waiting implements IncomingStreams {
    final BlockingQueue<Incoming> arrived = new LinkedBlockingQueue<>();

    Incoming take() throws InterruptedException {
      Incoming incoming = arrived.poll(5, TimeUnit.SECONDS);
      return java.util.Objects.requireNonNull(incoming, "nothing was asked for");
    }

    @Override
    public void connect(Incoming stream, String host, boolean isName, int port) {
      arrived.add(stream);
    }

    @Override
    public void lookup(Incoming stream, String name) {
      arrived.add(stream);
    }
  }
}
