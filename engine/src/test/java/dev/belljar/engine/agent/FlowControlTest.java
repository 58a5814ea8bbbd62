package dev.belljar.engine.agent;

import static dev.belljar.engine.agent.ScriptedPeer.ACCEPT;
import static dev.belljar.engine.agent.ScriptedPeer.CALL;
import static dev.belljar.engine.agent.ScriptedPeer.CREDIT;
import static dev.belljar.engine.agent.ScriptedPeer.DATA;
import static dev.belljar.engine.agent.ScriptedPeer.END;
import static dev.belljar.engine.agent.ScriptedPeer.RESULT;
import static dev.belljar.engine.agent.ScriptedPeer.u32;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import dev.belljar.engine.agent.ScriptedPeer.Frame;
import java.io.IOException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class FlowControlTest {
  private static final int WINDOW = 256 << 10;
  private static final int MOST = 64 << 10;
  private ScriptedPeer peer;
  private AgentConnection connection;

  @BeforeEach
  void connect() throws IOException {
    peer = ScriptedPeer.connected();
    connection = peer.connection();
  }

  @AfterEach
  void close() throws IOException {
    peer.close();
  }

  @Test
  void aWindowIsHeldWhileNobodyReadsAndNoCreditGiven() throws Exception {
    AgentStream stream = connection.newStream(false, true);
    fillWindow(stream);
    assertThat(stream.input().available()).isEqualTo(WINDOW);
    // Whatever the host had to say of the stream went before the next call.
    connection.start(Operation.PING, new BodyWriter());
    peer.next(CALL);
  }

  @Test
  void creditIsGivenForWhatWasReadAndNoMore() throws Exception {
    AgentStream stream = connection.newStream(false, true);
    fillWindow(stream);
    int given = 0;
    byte[] buffer = new byte[1000];
    for (int taken = 0; taken < WINDOW; ) {
      taken += stream.input().read(buffer, 0, buffer.length);
      connection.start(Operation.PING, new BodyWriter());
      Frame frame = peer.next();
      while (frame.type() == CREDIT) {
        given += frame.u32();
        frame = peer.next();
      }
      peer.send(RESULT, frame.id(), u32(0));
      assertThat(given).isLessThanOrEqualTo(taken);
      assertThat(taken - given).as("held back").isLessThanOrEqualTo(WINDOW / 2);
    }
    for (int used = 0; used < given; used += Math.min(MOST, given - used)) {
      peer.send(DATA, stream.id(), new byte[Math.min(MOST, given - used)]);
    }
    peer.send(END, stream.id());
    assertThat(stream.input().readAllBytes()).hasSize(given);
    assertThat(connection.ended()).isNotDone();
  }

  @Test
  void aWriterWaitsForCreditAndGoesOnWithIt() throws Exception {
    AgentStream stream = connection.newStream(true, false);
    FutureTask<Boolean> writing = writing(stream, new byte[WINDOW + 100_000]);
    int seen = 0;
    while (seen < WINDOW) {
      Frame frame = peer.next(DATA);
      assertThat(frame.payload()).hasSizeBetween(1, MOST);
      seen += frame.payload().length;
    }
    assertThat(seen).isEqualTo(WINDOW);
    connection.start(Operation.PING, new BodyWriter());
    peer.next(CALL);
    assertThat(writing).isNotDone();

    peer.send(CREDIT, stream.id(), u32(40_000));
    assertThat(peer.next(DATA).payload()).hasSize(40_000);
    assertThat(writing).isNotDone();
    peer.send(CREDIT, stream.id(), u32(60_000));
    assertThat(peer.next(DATA).payload()).hasSize(60_000);
    assertThat(writing.get(5, TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void aWriterThatWaitsHearsThatTheStreamWasReset() throws Exception {
    AgentStream stream = connection.newStream(true, false);
    FutureTask<Boolean> writing = writing(stream, new byte[WINDOW + 1]);
    for (int seen = 0; seen < WINDOW; ) {
      seen += peer.next(DATA).payload().length;
    }
    peer.send(ScriptedPeer.RESET, stream.id(), u32(32));
    assertThatExceptionOfType(java.util.concurrent.ExecutionException.class)
        .isThrownBy(() -> writing.get(5, TimeUnit.SECONDS))
        .withCauseInstanceOf(StreamResetException.class);
  }

  @Test
  void readersAndWritersThatWaitHearThatTheConnectionEnded() throws Exception {
    AgentStream outward = connection.newStream(true, false);
    AgentStream inward = connection.newStream(false, true);
    FutureTask<Boolean> writing = writing(outward, new byte[WINDOW + 1]);
    FutureTask<Boolean> reading = new FutureTask<>(() -> inward.input().read() >= 0);
    Thread.ofVirtual().start(reading);
    for (int seen = 0; seen < WINDOW; ) {
      seen += peer.next(DATA).payload().length;
    }
    peer.hangUp();
    for (FutureTask<Boolean> waiting : java.util.List.of(writing, reading)) {
      assertThatExceptionOfType(java.util.concurrent.ExecutionException.class)
          .isThrownBy(() -> waiting.get(5, TimeUnit.SECONDS))
          .withCauseInstanceOf(IOException.class);
    }
  }

  @Test
  void aStreamNobodyReadsHoldsUpNoOther() throws Exception {
    AgentStream stuck = connection.newStream(false, true);
    AgentStream read = connection.newStream(false, true);
    fillWindow(stuck);
    peer.send(DATA, read.id(), (byte) 1).send(END, read.id());
    assertThat(read.input().readAllBytes()).containsExactly(1);
  }

  @Test
  void whatIsNoLongerWantedIsResetAndThenIgnored() throws Exception {
    AgentStream stream = connection.newStream(false, true);
    peer.send(DATA, stream.id(), new byte[MOST]);
    stream.input().close();
    assertThat(peer.next(ScriptedPeer.RESET).u32()).isZero();
    // These crossed with the RESET.
    peer.send(DATA, stream.id(), new byte[MOST]).send(END, stream.id());
    AgentConnection.Call ping = connection.start(Operation.PING, new BodyWriter());
    peer.send(RESULT, peer.next(CALL).id(), u32(0));
    assertThat(connection.await(ping).errno()).isZero();
  }

  @Test
  void aDialledStreamFlowsAfterItsAccept() throws Exception {
    FutureTask<AgentStream> dialling = new FutureTask<>(() -> connection.dial(8080));
    Thread.ofVirtual().start(dialling);
    Frame open = peer.next(ScriptedPeer.OPEN);
    assertThat(open.payload()).containsExactly(3, 8080 >> 8, 8080 & 0xff);
    peer.send(ACCEPT, open.id()).send(DATA, open.id(), (byte) 5);
    assertThat(dialling.get(5, TimeUnit.SECONDS).input().read()).isEqualTo(5);
  }

  @Test
  void dataBeforeTheAcceptEndsTheConnection() throws Exception {
    Thread.ofVirtual().start(new FutureTask<>(() -> connection.dial(8080)));
    Frame open = peer.next(ScriptedPeer.OPEN);
    peer.send(DATA, open.id(), (byte) 5);
    assertThat(connection.ended().get(5, TimeUnit.SECONDS)).isInstanceOf(ProtocolException.class);
  }

  private void fillWindow(AgentStream stream) throws IOException {
    for (int i = 0; i < WINDOW / MOST; i++) {
      peer.send(DATA, stream.id(), new byte[MOST]);
    }
    await().until(() -> stream.input().available() == WINDOW);
  }

  private static FutureTask<Boolean> writing(AgentStream stream, byte[] bytes) {
    FutureTask<Boolean> task =
        new FutureTask<>(
            () -> {
              stream.output().write(bytes);
              return true;
            });
    Thread.ofVirtual().start(task);
    return task;
  }
}
