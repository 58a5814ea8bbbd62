package dev.belljar.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** Streams both ways: out of order, unread, unending, and cut off. */
@SuppressWarnings("FutureReturnValueIgnored") // of requests whose answers nobody will get
class StreamTest {
  private static final Duration PATIENCE = Duration.ofSeconds(1);

  @TempDir static Path data;
  private static TestServer server;

  @BeforeAll
  static void start() {
    server = new TestServer(data, PATIENCE);
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  private static int spawn(RawClient client, String command, String argument, String more)
      throws Exception {
    return client
        .ok(
            "spawn",
            "{\"command\":\""
                + command
                + "\",\"args\":[\""
                + argument
                + "\"],\"stdout\":\"null\",\"stderr\":\"null\""
                + more
                + "}")
        .get("pid")
        .intValue();
  }

  private static JsonNode printing(RawClient client, String command, String argument)
      throws Exception {
    return client.ok(
        "spawn",
        "{\"command\":\""
            + command
            + "\",\"args\":[\""
            + argument
            + "\"],\"stdout\":\"piped\",\"stderr\":\"null\"}");
  }

  private static String message(JsonNode answer) {
    return answer.path("result").path("error").path("message").asString("");
  }

  @Test
  void aStreamMayBeNamedBeforeItStarts() throws Exception {
    try (RawClient client = server.create()) {
      CompletableFuture<JsonNode> write =
          client.request("writeFile", "{\"path\":\"/f\",\"contentStreamId\":1}");
      await().during(Duration.ofMillis(50)).until(() -> !write.isDone());
      client.tell("$sandbox.stream.start", "{\"streamId\":1}");
      client.enqueue(1, new byte[] {1, 2});
      client.enqueue(1, new byte[0]);
      client.enqueue(1, new byte[] {3});
      client.tell("$sandbox.stream.end", "{\"streamId\":1}");
      client.tell("$sandbox.stream.end", "{\"streamId\":1}");
      client.enqueue(1, new byte[] {4});
      assertThat(write.get(10, TimeUnit.SECONDS).path("result").has("ok")).isTrue();
      assertThat(server.of(client).files().readFile("/f")).containsExactly(1, 2, 3);
    }
  }

  @Test
  void aStreamIsReadByOneCall() throws Exception {
    try (RawClient client = server.create()) {
      CompletableFuture<JsonNode> first =
          client.request("writeFile", "{\"path\":\"/f\",\"contentStreamId\":1}");
      await().until(() -> server.of(client).files().writers() == 1);
      JsonNode second = client.call("writeFile", "{\"path\":\"/g\",\"contentStreamId\":1}");
      assertThat(second.get("error").get("code").intValue()).isEqualTo(-32602);
      client.tell("$sandbox.stream.end", "{\"streamId\":1}");
      assertThat(first.get(10, TimeUnit.SECONDS).path("result").has("ok")).isTrue();
    }
  }

  @Test
  void aStreamThatIsOverIsNotReadAgain() throws Exception {
    try (RawClient client = server.create()) {
      client.tell("$sandbox.stream.start", "{\"streamId\":1}");
      client.enqueue(1, new byte[] {1});
      client.tell("$sandbox.stream.end", "{\"streamId\":1}");
      client.ok("writeFile", "{\"path\":\"/f\",\"contentStreamId\":1}");
      JsonNode second = client.call("writeFile", "{\"path\":\"/f\",\"contentStreamId\":1}");
      assertThat(second.get("error").get("code").intValue()).isEqualTo(-32602);
    }
  }

  @Test
  void aCallWhoseStreamNeverStartsFails() throws Exception {
    try (RawClient client = server.create()) {
      int pid = spawn(client, "cat", "", ",\"stdinStreamId\":2");
      assertThat(message(client.call("writeFile", "{\"path\":\"/f\",\"contentStreamId\":1}")))
          .contains("did not start");
      // What a process may wait for all its life.
      Thread.sleep(PATIENCE.toMillis());
      client.tell("$sandbox.stream.start", "{\"streamId\":2}");
      client.tell("$sandbox.stream.end", "{\"streamId\":2}");
      assertThat(client.ok("processWait", "{\"pid\":" + pid + "}").get("code").intValue()).isZero();
    }
  }

  @Test
  void aStreamThatBreaksOffFailsItsCall() throws Exception {
    try (RawClient client = server.create()) {
      client.tell("$sandbox.stream.start", "{\"streamId\":1}");
      client.tell(
          "$sandbox.stream.error", "{\"streamId\":1,\"error\":{\"message\":\"out of paper\"}}");
      assertThat(message(client.call("writeFile", "{\"path\":\"/f\",\"contentStreamId\":1}")))
          .contains("out of paper");
      client.tell("$sandbox.stream.start", "{\"streamId\":2}");
      client.tell("$sandbox.stream.enqueue", "{\"streamId\":2,\"data\":\"%%%\"}");
      assertThat(message(client.call("writeFile", "{\"path\":\"/f\",\"contentStreamId\":2}")))
          .contains("base64");
    }
  }

  @Test
  void nonsenseAboutOneStreamLeavesTheOthersAlone() throws Exception {
    try (RawClient client = server.create()) {
      client.tell("$sandbox.stream.start", "{\"streamId\":0}");
      client.tell("$sandbox.stream.enqueue", "{\"data\":\"%\"}");
      client.tell("$sandbox.stream.enqueue", "{\"streamId\":\"0\",\"data\":\"%\"}");
      client.tell("$sandbox.stream.end", "{\"streamId\":-1}");
      client.tell("$sandbox.stream.end", "{}");
      client.tell("$sandbox.stream.cancel", "{\"streamId\":12345}");
      client.tell("$sandbox.stream.cancel", "{\"streamId\":12345}");
      client.enqueue(77, new byte[100]);
      client.enqueue(0, new byte[] {9});
      client.tell("$sandbox.stream.end", "{\"streamId\":0}");
      client.ok("writeFile", "{\"path\":\"/f\",\"contentStreamId\":0}");
      assertThat(server.of(client).files().readFile("/f")).containsExactly(9);
    }
  }

  @Test
  void streamsOverTheLimitAreCancelledAndTheSocketLivesOn() throws Exception {
    try (RawClient client = server.create()) {
      for (int i = 0; i < 2000; i++) {
        client.tell("$sandbox.stream.start", "{\"streamId\":" + i + "}");
      }
      await().until(() -> client.notices().size() == 2000 - 1024);
      assertThat(client.notices().peek().get("method").stringValue())
          .isEqualTo("$sandbox.stream.cancel");
      JsonNode refused = client.call("writeFile", "{\"path\":\"/f\",\"contentStreamId\":5000}");
      assertThat(refused.get("error").get("code").intValue()).isEqualTo(-32602);
      for (int i = 0; i < 1024; i++) {
        client.tell("$sandbox.stream.end", "{\"streamId\":" + i + "}");
        client.ok("writeFile", "{\"path\":\"/f\",\"contentStreamId\":" + i + "}");
      }
      client.tell("$sandbox.stream.end", "{\"streamId\":5000}");
    }
  }

  @Test
  void streamsOfTwoSocketsHaveNothingToDoWithEachOther() throws Exception {
    try (RawClient one = server.create();
        RawClient other = server.connect(server.token(), one.sandbox()).reading()) {
      one.tell("$sandbox.stream.start", "{\"streamId\":1}");
      other.tell("$sandbox.stream.start", "{\"streamId\":1}");
      other.enqueue(1, new byte[] {66});
      other.tell("$sandbox.stream.end", "{\"streamId\":1}");
      one.enqueue(1, new byte[] {65});
      one.tell("$sandbox.stream.end", "{\"streamId\":1}");
      one.ok("writeFile", "{\"path\":\"/f\",\"contentStreamId\":1}");
      assertThat(server.of(one).files().readFile("/f")).containsExactly(65);
      long stream = printing(one, "yes", "").get("stdoutStreamId").longValue();
      other.tell("$sandbox.stream.cancel", "{\"streamId\":" + stream + "}");
      long before = one.stream(stream).bytes().get();
      await().until(() -> one.stream(stream).bytes().get() > before + (1 << 20));
    }
    await().until(() -> server.heap().held() == 0);
  }

  @Test
  void aStreamThatNobodyReadsStopsTheSocketAndIsGivenUp() throws Exception {
    try (RawClient client = server.create()) {
      client.tell("$sandbox.stream.start", "{\"streamId\":1}");
      Thread writer =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      for (int i = 0; i < 40; i++) {
                        client.enqueue(1, new byte[1 << 20]);
                      }
                    } catch (IOException e) {
                      // It ends with the test.
                    }
                  });
      JsonNode cancel = client.notices().poll(20, TimeUnit.SECONDS);
      assertThat(cancel.get("method").stringValue()).isEqualTo("$sandbox.stream.cancel");
      assertThat(cancel.get("params").get("reason").get("message").stringValue())
          .contains("given up");
      assertThat(server.heap().held()).isLessThan(64L << 20);
      writer.join(Duration.ofSeconds(20));
      assertThat(client.ping()).isLessThan(5000);
    }
    await().until(() -> server.heap().held() == 0);
  }

  @Test
  void inputOfAProcessThatDoesNotReadStopsTheClientOnly() throws Exception {
    try (RawClient client = server.create();
        RawClient other = server.create(server.token("calm"), "").reading()) {
      int pid = spawn(client, "deaf", "", ",\"stdinStreamId\":1");
      Thread writer =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      client.tell("$sandbox.stream.start", "{\"streamId\":1}");
                      for (int i = 0; i < 100; i++) {
                        client.enqueue(1, new byte[1 << 20]);
                      }
                    } catch (IOException e) {
                      // It ends with the test.
                    }
                  });
      for (int i = 0; i < 20; i++) {
        assertThat(other.ping()).isLessThan(5000);
        assertThat(server.heap().held()).isLessThan(40L << 20);
      }
      writer.join(Duration.ofSeconds(20));
      client.ok("processKill", "{\"pid\":" + pid + "}");
    }
    await().until(() -> server.heap().held() == 0);
  }

  @Test
  void inputForAProcessThatEndedIsGivenUp() throws Exception {
    try (RawClient client = server.create()) {
      spawn(client, "true", "", ",\"stdinStreamId\":4");
      client.tell("$sandbox.stream.start", "{\"streamId\":4}");
      client.enqueue(4, new byte[100]);
      JsonNode notice = client.notices().poll(10, TimeUnit.SECONDS);
      assertThat(notice).isNotNull();
      assertThat(notice.get("params").get("streamId").intValue()).isEqualTo(4);
    }
  }

  @Test
  void aClientThatDoesNotReadStopsItsProcessAndNobodyElse() throws Exception {
    String token = server.token("rude");
    RawClient rude =
        RawClient.ask(
            server.server().endpoint(),
            "/api/v3/sandboxes/create",
            Map.of("Authorization", "Bearer " + token),
            64 << 10);
    try (rude;
        RawClient other = server.create()) {
      rude.send(
          "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"spawn\",\"params\":{\"command\":\"yes\",\"args\":[],"
              + "\"stdout\":\"piped\",\"stderr\":\"null\"}}");
      FakeSandbox sandbox = server.of(rude);
      await().until(() -> sandbox.process(101) != null && sandbox.process(101).printed() > 0);
      // Until it has been still for a while: what the kernel holds is full.
      AtomicLong before = new AtomicLong();
      await()
          .during(Duration.ofMillis(300))
          .until(
              () -> {
                long printed = sandbox.process(101).printed();
                return before.getAndSet(printed) == printed;
              });
      assertThat(sandbox.process(101).printed()).isLessThan(32L << 20);
      // Everything that it asks for from now on waits, within bounds.
      sandbox.files().writeFile("/m", new byte[1 << 20]);
      for (int i = 0; i < 2000; i++) {
        rude.send(
            "{\"jsonrpc\":\"2.0\",\"id\":\"x"
                + i
                + "\",\"method\":\"readFile\",\"params\":{\"path\":\"/m\"}}");
      }
      await()
          .during(Duration.ofMillis(300))
          .until(() -> server.heap().held() <= (256L << 20) / 4 * 3);
      other.ok("writeFile", "{\"path\":\"/m\",\"content\":\"AAAA\"}");
      assertThat(other.ok("readFile", "{\"path\":\"/m\"}").stringValue()).isEqualTo("AAAA");
      assertThat(other.ping()).isLessThan(5000);
      for (int i = 0; i < 20_000; i++) {
        // Neither refusals nor pongs pile up: at some point the server reads no more.
        if (!trySend(
            rude, i % 2 == 0 ? "ping" : "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"?\"}")) {
          break;
        }
      }
      assertThat(other.ping()).isLessThan(5000);
      rude.reset();
    }
    await().until(() -> server.heap().held() == 0);
  }

  /** Sends unless the other side has stopped reading. */
  private static boolean trySend(RawClient client, String text) throws Exception {
    Thread sender =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    client.send(text);
                  } catch (IOException e) {
                    // It was closed.
                  }
                });
    return sender.join(Duration.ofMillis(500));
  }

  @Test
  void aCancelledStreamIsReadNoMore() throws Exception {
    try (RawClient client = server.create()) {
      JsonNode child = printing(client, "yes", "");
      long stream = child.get("stdoutStreamId").longValue();
      await().until(() -> client.stream(stream).bytes().get() > 100_000);
      client.tell("$sandbox.stream.cancel", "{\"streamId\":" + stream + "}");
      client.tell("$sandbox.stream.cancel", "{\"streamId\":" + stream + "}");
      client.ok("envToObject", "{}");
      client.ok("processKill", "{\"pid\":" + child.get("pid") + "}");
    }
  }

  @Test
  void aFetchIsAbortedWhileItsBodyComes() throws Exception {
    try (RawClient client = server.create()) {
      String fetch = "{\"url\":\"http://a/endless\",\"method\":\"GET\",\"redirect\":\"follow\"";
      long other = client.ok("fetch", fetch + ",\"abortId\":6}").get("bodyStreamId").longValue();
      long id = client.ok("fetch", fetch + ",\"abortId\":5}").get("bodyStreamId").longValue();
      await().until(() -> client.stream(id).bytes().get() > 100_000);
      client.ok("abort", "{\"abortId\":5}");
      assertThat(client.stream(id).end().get(10, TimeUnit.SECONDS)).contains("aborted");
      assertThat(server.of(client).endlessAnswersClosed()).isEqualTo(1);
      long before = client.stream(other).bytes().get();
      await().until(() -> client.stream(other).bytes().get() > before + (1 << 20));
      client.ok("abort", "{\"abortId\":5}");
      client.tell("$sandbox.stream.cancel", "{\"streamId\":" + other + "}");
    }
    await().until(() -> server.heap().held() == 0);
  }

  @Test
  void aClientThatVanishesEndsItsSessionButNotWhatHasALifetime() throws Exception {
    for (String config : List.of("", "{\"timeout\":\"5m\"}")) {
      RawClient client = server.create(server.token(), config).reading();
      FakeSandbox sandbox = server.of(client);
      // Mid-write and mid-read at once.
      client.request("writeFile", "{\"path\":\"/sink\",\"contentStreamId\":1}");
      client.tell("$sandbox.stream.start", "{\"streamId\":1}");
      client.enqueue(1, new byte[1 << 20]);
      JsonNode child = printing(client, "yes", "");
      client.ok("create", "{\"path\":\"/f\"}");
      client.request("processWait", "{\"pid\":" + child.get("pid") + "}");
      await().until(() -> sandbox.files().writers() == 1 && sandbox.files().swallowed() > 0);
      client.frame(1, false, "{\"jsonrpc\":".getBytes(java.nio.charset.StandardCharsets.UTF_8));
      client.reset();
      await().until(() -> sandbox.files().writers() == 0 && sandbox.files().openFiles() == 0);
      await().until(() -> server.heap().held() == 0);
      if (config.isEmpty()) {
        await().until(sandbox::ended);
      } else {
        assertThat(sandbox.ended()).isFalse();
        // The process must not notice that nobody listens any more.
        FakeProcess yes = sandbox.process(child.get("pid").intValue());
        long before = yes.printed();
        await().until(() -> yes.printed() > before);
        sandbox.kill();
      }
    }
  }

  @Test
  void aGigabyteGoesThroughOneStreamEachWay() throws Exception {
    long size = 1L << 30;
    try (RawClient client = server.create()) {
      JsonNode child = printing(client, "zeros", "" + size);
      RawClient.Received received = client.stream(child.get("stdoutStreamId").longValue());
      long most = 0;
      while (!received.end().isDone()) {
        most = Math.max(most, server.heap().held());
        Thread.sleep(20);
      }
      assertThat(received.end().join()).isEqualTo("end");
      assertThat(received.bytes().get()).isEqualTo(size);

      CompletableFuture<JsonNode> write =
          client.request("writeFile", "{\"path\":\"/sink\",\"contentStreamId\":1}");
      client.tell("$sandbox.stream.start", "{\"streamId\":1}");
      byte[] part = new byte[1 << 20];
      for (int i = 0; i < size >> 20; i++) {
        client.enqueue(1, part);
        most = Math.max(most, server.heap().held());
      }
      client.tell("$sandbox.stream.end", "{\"streamId\":1}");
      assertThat(write.get(60, TimeUnit.SECONDS).path("result").has("ok")).isTrue();
      assertThat(server.of(client).files().swallowed()).isEqualTo(size);
      assertThat(most).isLessThan(64L << 20);
    }
  }

  @Test
  void aPortIsDialedAndClosedWithItsSocket() throws Exception {
    try (RawClient client = server.create()) {
      client.tell("$sandbox.stream.start", "{\"streamId\":1}");
      long stream = client.ok("dial", "{\"port\":80,\"streamId\":1}").get("streamId").longValue();
      client.enqueue(1, new byte[1000]);
      await().until(() -> client.stream(stream).bytes().get() == 1000);
      client.tell("$sandbox.stream.end", "{\"streamId\":1}");
      assertThat(client.stream(stream).end().get(10, TimeUnit.SECONDS)).isEqualTo("end");
    }
  }

  @Test
  void manySocketsLeaveNothingBehind() throws Exception {
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      RawClient client = server.create(server.token("many"), "").reading();
      printing(client, "cat", "");
      clients.add(client);
    }
    for (RawClient client : clients) {
      client.reset();
    }
    await()
        .atMost(Duration.ofSeconds(20))
        .untilAsserted(
            () ->
                assertThat(server.http("GET", "/metrics", "", "").body())
                    .contains("belljar_sockets 0.0", "belljar_sandboxes{state=\"running\"} 0.0"));
    assertThat(server.heap().held()).isZero();
  }
}
