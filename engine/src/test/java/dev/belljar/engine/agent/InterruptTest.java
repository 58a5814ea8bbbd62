package dev.belljar.engine.agent;

import static dev.belljar.engine.agent.ScriptedPeer.CALL;
import static dev.belljar.engine.agent.ScriptedPeer.RESULT;
import static dev.belljar.engine.agent.ScriptedPeer.u32;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.belljar.engine.agent.AgentConnection.Call;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** An interrupt ends one caller's wait, and never the connection that all share. */
@Timeout(30)
class InterruptTest {
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
  void aCallOfAnInterruptedThreadLeavesTheConnection() throws Exception {
    Thread.currentThread().interrupt();
    try {
      connection.call(Operation.PING, new BodyWriter());
    } catch (IOException e) {
      // Whether it is sent or not is the same to everybody else.
    }
    assertThat(Thread.interrupted()).isTrue();
    assertAlive();
  }

  @Test
  void aWriterInterruptedWhileTheGuestDoesNotReadLeavesTheConnection() throws Exception {
    List<AgentStream> streams = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      streams.add(connection.newStream(true, false));
    }
    // More than a socket holds: they all wait in the middle of a frame, or for their turn.
    List<Thread> writers = new ArrayList<>();
    for (AgentStream stream : streams) {
      writers.add(
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      stream.output().write(new byte[200_000]);
                    } catch (IOException e) {
                      // Interrupted, or not.
                    }
                  }));
    }
    await().until(() -> writers.stream().allMatch(InterruptTest::waits));
    writers.forEach(Thread::interrupt);
    assertAlive();
  }

  private static boolean waits(Thread thread) {
    return thread.getState() == Thread.State.WAITING || !thread.isAlive();
  }

  private void assertAlive() throws IOException, InterruptedException {
    Thread asking =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    Call ping = connection.start(Operation.PING, new BodyWriter().u64(4711));
                    connection.await(ping);
                  } catch (IOException e) {
                    throw new AssertionError(e);
                  }
                });
    while (true) {
      ScriptedPeer.Frame frame = peer.next();
      if (frame.type() == CALL) {
        peer.send(RESULT, frame.id(), u32(0));
        if (frame.payload().length == 10) {
          break;
        }
      }
    }
    asking.join();
    assertThat(connection.ended()).isNotDone();
  }
}
