package dev.belljar.engine.agent;

import static dev.belljar.engine.agent.ScriptedPeer.CALL;
import static dev.belljar.engine.agent.ScriptedPeer.EXIT;
import static dev.belljar.engine.agent.ScriptedPeer.RESULT;
import static dev.belljar.engine.agent.ScriptedPeer.join;
import static dev.belljar.engine.agent.ScriptedPeer.u32;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import dev.belljar.engine.agent.AgentConnection.Call;
import dev.belljar.engine.agent.AgentConnection.ProcessExit;
import dev.belljar.engine.agent.ScriptedPeer.Frame;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class CallsTest {
  /** More than the protocol lets be under way. */
  private static final int MANY = 1100;

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
  void resultsMayComeInAnyOrder() throws Exception {
    List<Call> calls = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      calls.add(connection.start(Operation.PING, new BodyWriter().u32(i)));
    }
    for (int i = 0; i < 100; i++) {
      assertThat(peer.next(CALL).id()).isEqualTo(calls.get(i).id());
    }
    for (Call call : calls.reversed()) {
      peer.send(RESULT, call.id(), join(u32(0), u32(call.id())));
    }
    for (Call call : calls) {
      assertThat(connection.await(call).body().u32()).isEqualTo(call.id());
    }
  }

  @Test
  void aFailureKeepsItsErrno() throws Exception {
    Call call = connection.start(Operation.STAT, new BodyWriter());
    peer.send(RESULT, call.id(), u32(4095));
    assertThat(connection.await(call).errno()).isEqualTo(4095);
  }

  @Test
  void moreCallsThanTheProtocolAllowsWaitTheirTurn() throws Exception {
    List<FutureTask<Integer>> calls = startMany();
    for (int i = 0; i < MANY; i++) {
      Frame call = peer.next(CALL);
      if (i == 1023) {
        assertThat(calls).noneMatch(FutureTask::isDone);
      }
      if (i >= 1023) {
        // Only now may the next one come.
        peer.send(RESULT, call.id(), u32(0));
      }
    }
    await().until(() -> calls.stream().filter(FutureTask::isDone).count() == MANY - 1023);
  }

  @Test
  void callsThatWaitForASlotFailWhenTheConnectionEnds() throws Exception {
    List<FutureTask<Integer>> calls = startMany();
    for (int i = 0; i < 1024; i++) {
      peer.next(CALL);
    }
    connection.close();
    for (FutureTask<Integer> call : calls) {
      assertThatExceptionOfType(ExecutionException.class)
          .isThrownBy(() -> call.get(2, TimeUnit.SECONDS))
          .withCauseInstanceOf(IOException.class);
    }
  }

  @Test
  void aResultThatDoesNotParseEndsTheConnection() throws Exception {
    try (Agent agent = agentOverTheScript()) {
      FutureTask<AgentFiles.Stat> stat = new FutureTask<>(() -> agent.files().stat(0, "/", true));
      Thread.ofVirtual().start(stat);
      assertThatExceptionOfType(ExecutionException.class)
          .isThrownBy(() -> stat.get(5, TimeUnit.SECONDS))
          .withCauseInstanceOf(IOException.class);
      assertThat(agent.ended().get(5, TimeUnit.SECONDS)).isInstanceOf(ProtocolException.class);
    }
  }

  @Test
  void anExitReachesItsProcessOnce() throws Exception {
    var exit = new CompletableFuture<ProcessExit>();
    Call spawn = connection.start(Operation.SPAWN, new BodyWriter(), new Exits(exit));
    byte[] how = join(u32(137), u32(9), new byte[] {2}, u32(0), u32(5));
    peer.send(RESULT, spawn.id(), join(u32(0), u32(42))).send(EXIT, spawn.id(), how);
    assertThat(exit.get(5, TimeUnit.SECONDS)).isEqualTo(new ProcessExit(137, 9, 2, 5));
    peer.send(EXIT, spawn.id(), how);
    assertThat(connection.ended().get(5, TimeUnit.SECONDS)).isInstanceOf(ProtocolException.class);
  }

  @Test
  void anExitBeforeItsResultEndsTheConnection() throws Exception {
    var exit = new CompletableFuture<ProcessExit>();
    Call spawn = connection.start(Operation.SPAWN, new BodyWriter(), new Exits(exit));
    peer.send(EXIT, spawn.id(), new byte[17]);
    assertThat(connection.ended().get(5, TimeUnit.SECONDS)).isInstanceOf(ProtocolException.class);
    assertThat(exit).isCompletedExceptionally();
  }

  @Test
  void anExitThatCannotBeEndsTheConnection() throws Exception {
    for (byte[] impossible :
        List.of(
            join(u32(256), u32(0), new byte[9]),
            join(u32(-1), u32(0), new byte[9]),
            join(u32(0), u32(65), new byte[9]),
            join(u32(0), u32(0), new byte[] {3}, new byte[8]))) {
      try (ScriptedPeer own = ScriptedPeer.connected()) {
        var exit = new CompletableFuture<ProcessExit>();
        Call spawn = own.connection().start(Operation.SPAWN, new BodyWriter(), new Exits(exit));
        own.send(RESULT, spawn.id(), join(u32(0), u32(42))).send(EXIT, spawn.id(), impossible);
        assertThat(own.connection().ended().get(5, TimeUnit.SECONDS))
            .isInstanceOf(ProtocolException.class);
        assertThat(exit).isCompletedExceptionally();
      }
    }
  }

  @Test
  void aCallLargerThanTheAgentTakesIsNotSent() {
    BodyWriter tooLarge = new BodyWriter().raw(new byte[4 << 20], 0, 4 << 20);
    assertThatExceptionOfType(CallTooLargeException.class)
        .isThrownBy(() -> connection.start(Operation.PING, tooLarge));
    assertThat(connection.ended()).isNotDone();
  }

  @Test
  void anInterruptEndsTheWaitAndKeepsTheConnection() throws Exception {
    Call call = connection.start(Operation.PING, new BodyWriter());
    peer.next(CALL);
    Thread.currentThread().interrupt();
    assertThatExceptionOfType(java.io.InterruptedIOException.class)
        .isThrownBy(() -> connection.await(call));
    assertThat(Thread.interrupted()).isTrue();
    peer.send(RESULT, call.id(), u32(0));
    assertThat(connection.await(call).errno()).isZero();
  }

  private List<FutureTask<Integer>> startMany() {
    List<FutureTask<Integer>> calls = new ArrayList<>();
    for (int i = 0; i < MANY; i++) {
      calls.add(new FutureTask<>(() -> connection.call(Operation.PING, new BodyWriter()).errno()));
    }
    calls.forEach(Thread.ofVirtual()::start);
    return calls;
  }

  /** An agent that answers a STAT with too little. */
  private static Agent agentOverTheScript() throws IOException {
    return new Agent(
        new ReplayedChannel(
            join(
                ScriptedPeer.frame(8, ScriptedPeer.HELLO, 0, 0, join(u32(1), u32(0x42454c4c))),
                ScriptedPeer.frame(8, RESULT, 0, 1, join(u32(0), u32(7)))),
            // After HELLO and one call.
            2,
            false),
        new ScriptedPeer.Refusing());
  }

  private record Exits(CompletableFuture<ProcessExit> exit)
      implements AgentConnection.ExitListener {
    @Override
    public void onExit(ProcessExit how) {
      exit.complete(how);
    }

    @Override
    public void onConnectionEnd(IOException reason) {
      exit.completeExceptionally(reason);
    }
  }
}
