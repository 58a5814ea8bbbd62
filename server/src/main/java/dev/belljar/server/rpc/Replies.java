package dev.belljar.server.rpc;

import dev.belljar.server.rpc.Method.Answer;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** What one client is told, in the words of JSON-RPC. Nothing is, once the socket has ended. */
final class Replies {
  /** Answers of so many bytes or more are counted against the heap's budget. */
  private static final int LARGE_ANSWER = 128 << 10;

  /** How long a large answer waits for memory. */
  private static final Duration MEMORY_PATIENCE = Duration.ofSeconds(30);

  private final Outbox outbox;
  private final HeapBudget budget;
  private final AtomicBoolean closed;
  private final Runnable gone;
  private final Runnable caughtUp;
  private final AtomicInteger deferred = new AtomicInteger();

  /**
   * Replies through an outbox.
   *
   * @param closed whether the socket has ended
   * @param gone called when the client cannot be reached
   * @param caughtUp called when something was sent that was to be sent later
   */
  Replies(
      Outbox outbox, HeapBudget budget, AtomicBoolean closed, Runnable gone, Runnable caughtUp) {
    this.outbox = outbox;
    this.budget = budget;
    this.closed = closed;
    this.gone = gone;
    this.caughtUp = caughtUp;
  }

  /** The result of a call; blocks until it is out. */
  void succeed(JsonNode id, Answer answer) {
    String head = "{\"jsonrpc\":\"2.0\",\"id\":" + id + ",\"result\":{\"ok\":";
    switch (answer) {
      case Answer.Value value -> say(id, head + value.node() + "}}");
      case Answer.Content content -> {
        try (HeldBytes bytes = content.bytes()) {
          send(() -> outbox.send(head + "\"", bytes.pieces(), "\"}}"));
        }
      }
      case Answer.Data data ->
          counted(
              id,
              data.base64().remaining(),
              () -> outbox.send(head + "{\"data\":\"", List.of(data.base64()).iterator(), "\"}}}"));
    }
  }

  /** That an operation failed; blocks until it is out. */
  void failed(JsonNode id, WireError error) {
    ObjectNode answer = Json.NODES.objectNode().put("jsonrpc", "2.0");
    answer.set("id", id);
    answer.putObject("result").set("error", error.toJson());
    send(answer.toString());
  }

  /** That a call was wrong; blocks until it is out. */
  void fault(JsonNode id, int code, String text, ObjectNode data) {
    say(id, refusal(id, code, text, data));
  }

  /** That a request is refused. Does not block. */
  void refuse(JsonNode id, int code, String text) {
    sendLater(refusal(id, code, text, null));
  }

  /** That a stream of the client's is no longer read. Does not block. */
  void cancel(long streamId, String reason) {
    String params =
        Json.NODES
            .objectNode()
            .put("streamId", streamId)
            .set("reason", WireError.of("Error", reason, null).toJson())
            .toString();
    sendLater(
        "{\"jsonrpc\":\"2.0\",\"method\":\"$sandbox.stream.cancel\",\"params\":" + params + "}");
  }

  /** That somebody is there. Does not block. */
  void pong() {
    // One is enough for however many pings came while it waited for its turn.
    if (outbox.pongDue()) {
      Thread.ofVirtual()
          .name("pong")
          .start(
              () -> {
                try {
                  outbox.pong();
                } catch (IOException e) {
                  gone.run();
                }
              });
    }
  }

  /** How many wait to be sent that nobody waits for. */
  int deferred() {
    return deferred.get();
  }

  private static String refusal(JsonNode id, int code, String text, @Nullable ObjectNode data) {
    ObjectNode answer = Json.NODES.objectNode().put("jsonrpc", "2.0");
    answer.set("id", id);
    ObjectNode error = answer.putObject("error").put("code", code).put("message", text);
    if (data != null) {
      error.set("data", data);
    }
    return answer.toString();
  }

  private void say(JsonNode id, String text) {
    counted(id, text.length() * 2L, () -> outbox.send(text));
  }

  private interface Sending {
    void run() throws IOException;
  }

  /** Sends, counting what is large for as long as it waits to be sent. */
  private void counted(JsonNode id, long bytes, Sending sending) {
    long cost = bytes < LARGE_ANSWER ? 0 : bytes;
    try {
      if (!budget.take(cost, MEMORY_PATIENCE)) {
        failed(
            id, WireError.of("Error", "The server has no memory left for this answer.", "ENOMEM"));
        return;
      }
    } catch (InterruptedException e) {
      return;
    }
    try {
      send(sending);
    } finally {
      budget.give(cost);
    }
  }

  /** Sends without waiting: the thread that reads must not wait for a client that does not. */
  private void sendLater(String text) {
    deferred.incrementAndGet();
    Thread.ofVirtual()
        .name("told later")
        .start(
            () -> {
              try {
                send(text);
              } finally {
                deferred.decrementAndGet();
                caughtUp.run();
              }
            });
  }

  private void send(String text) {
    send(() -> outbox.send(text));
  }

  private void send(Sending sending) {
    if (closed.get()) {
      return;
    }
    try {
      sending.run();
    } catch (IOException e) {
      gone.run();
    }
  }
}
