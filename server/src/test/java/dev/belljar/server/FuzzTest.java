package dev.belljar.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/** Random and mutated messages on many sockets. A seed that is printed is run again by its name. */
class FuzzTest {
  private static final int MESSAGES = 20_000;
  private static final String SEED = "belljar.fuzz.seed";

  private static final List<String> METHODS =
      List.of(
          "readFile",
          "writeFile",
          "readDir",
          "mkdir",
          "rename",
          "stat",
          "chmod",
          "truncate",
          "umask",
          "utime",
          "makeTempFile",
          "open",
          "create",
          "walk",
          "expandGlob",
          "fileClose",
          "fileRead",
          "fileWrite",
          "fileSeek",
          "spawn",
          "processWait",
          "processKill",
          "processResize",
          "dial",
          "spawnDeno",
          "denoReplEval",
          "fetch",
          "envGet",
          "envSet",
          "envToObject",
          "abort",
          "exposeHttp",
          "nonsense");

  private static final List<String> NAMES =
      List.of(
          "path",
          "oldPath",
          "newPath",
          "name",
          "options",
          "mode",
          "content",
          "contentStreamId",
          "fileHandleId",
          "length",
          "offset",
          "whence",
          "data",
          "command",
          "args",
          "stdout",
          "stderr",
          "stdinStreamId",
          "env",
          "cwd",
          "pid",
          "signal",
          "port",
          "streamId",
          "url",
          "method",
          "redirect",
          "headers",
          "bodyStreamId",
          "key",
          "value",
          "abortId",
          "glob",
          "match",
          "maxDepth",
          "code",
          "terminal");

  private static final List<String> VALUES =
      List.of(
          "\"/f\"",
          "\"/f\"",
          "\"/\"",
          "\"\"",
          "\"true\"",
          "\"cat\"",
          "\"sleep\"",
          "\"piped\"",
          "\"null\"",
          "\"GET\"",
          "\"follow\"",
          "\"http://a/\"",
          "\"AAAA\"",
          "\"%%%\"",
          "0",
          "1",
          "2",
          "80",
          "101",
          "102",
          "-1",
          "1.5",
          "1e400",
          "-1e400",
          "9007199254740993",
          "99999999999999999999999999",
          "null",
          "true",
          "[]",
          "{}",
          "[\"a\"]",
          "[1]",
          "{\"a\":\"b\"}",
          "\"\\ud800\"",
          "\"a\\u0000b\"",
          "\"SIGKILL\"",
          "\"2026-01-01T00:00:00Z\"",
          "\"😀\"",
          "{\"recursive\":true}",
          "[{\"source\":\"(a+)+$\",\"flags\":\"gimsuy\"}]");

  private static final List<String> NOTICES =
      List.of("start", "enqueue", "end", "error", "cancel", "nonsense");

  @Test
  @Timeout(180)
  void nothingThatIsSentBreaksTheServer(@TempDir Path data) throws Exception {
    long seed = Long.getLong(SEED, System.nanoTime());
    System.out.println("FuzzTest: -D" + SEED + "=" + seed);
    Logger ours = (Logger) LoggerFactory.getLogger("dev.belljar");
    ListAppender<ILoggingEvent> log = new ListAppender<>();
    log.start();
    try (TestServer server = new TestServer(data, Duration.ofSeconds(1));
        RawClient control = server.create(server.token("control"), "").reading()) {
      control.ok("writeFile", "{\"path\":\"/mine\",\"content\":\"AAAA\"}");
      ours.addAppender(log);
      AtomicBoolean over = new AtomicBoolean();
      AtomicLong slowest = new AtomicLong();
      AtomicInteger asked = new AtomicInteger();
      Thread asking =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      while (!over.get()) {
                        long began = System.nanoTime();
                        control.ok("readFile", "{\"path\":\"/mine\"}");
                        asked.incrementAndGet();
                        slowest.accumulateAndGet(System.nanoTime() - began, Math::max);
                        Thread.sleep(5);
                      }
                    } catch (Exception e) {
                      slowest.set(Long.MAX_VALUE);
                    }
                  });
      String token = server.token("fuzz");
      Random random = new Random(seed);
      RawClient client = server.create(token, "").reading();
      int sockets = 1;
      for (int i = 0; i < MESSAGES; i++) {
        if (client.isClosed() || random.nextInt(400) == 0) {
          if (random.nextBoolean()) {
            client.reset();
          } else {
            client.close();
          }
          client = server.create(token, "").reading();
          sockets++;
        }
        try {
          send(client, random);
          if (i % 8 == 0) {
            // What follows a message that closes the socket would go to nobody.
            client.settle();
          }
        } catch (IOException e) {
          // The server closed it, as it should have.
        }
      }
      client.close();
      over.set(true);
      asking.join();
      System.out.println("FuzzTest: " + sockets + " sockets, control asked " + asked + " times");
      assertThat(TimeUnit.NANOSECONDS.toSeconds(slowest.get())).isLessThan(10);
      assertThat(asked.get()).isGreaterThan(20);
      assertThat(control.ok("readFile", "{\"path\":\"/mine\"}").stringValue()).isEqualTo("AAAA");
      control.close();
      await()
          .atMost(Duration.ofSeconds(20))
          .untilAsserted(
              () ->
                  assertThat(server.http("GET", "/metrics", "", "").body())
                      .contains("belljar_sockets 0.0", "belljar_sandboxes{state=\"running\"} 0.0"));
      await().untilAsserted(() -> assertThat(server.heap().held()).isZero());
      assertThat(server.sandboxes().made())
          .allSatisfy(sandbox -> assertThat(sandbox.files().openFiles()).isZero());
    } finally {
      ours.detachAppender(log);
    }
    assertThat(log.list)
        .filteredOn(event -> event.getLevel().isGreaterOrEqual(Level.WARN))
        .extracting(ILoggingEvent::getFormattedMessage)
        .isEmpty();
  }

  private static <T> T any(Random random, List<T> list) {
    return list.get(random.nextInt(list.size()));
  }

  private static String params(Random random) {
    StringBuilder params = new StringBuilder("{\"path\":\"/f\"");
    for (int i = random.nextInt(6); i > 0; i--) {
      params.append(",\"").append(any(random, NAMES)).append("\":").append(any(random, VALUES));
    }
    return params.append('}').toString();
  }

  private static void send(RawClient client, Random random) throws IOException {
    String request =
        "{\"jsonrpc\":\"2.0\",\"id\":"
            + random.nextInt(1000)
            + ",\"method\":\""
            + any(random, METHODS)
            + "\",\"params\":"
            + params(random)
            + "}";
    switch (random.nextInt(40)) {
      case 0 -> client.send("ping");
      case 1 -> client.send("[".repeat(10_000));
      case 2 -> client.send(any(random, VALUES));
      case 3 ->
          client.send(request.replace("\"id\":", "\"id\":" + any(random, VALUES) + ",\"x\":"));
      case 4 -> client.send(mutated(request, random));
      case 5 -> {
        byte[] bytes = new byte[random.nextInt(200)];
        random.nextBytes(bytes);
        client.frame(random.nextInt(16), random.nextBoolean(), bytes);
      }
      case 6 ->
          client.send(
              "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\""
                  + "m".repeat(random.nextInt(100_000))
                  + "\"}");
      case 7, 8, 9, 10, 11 ->
          client.tell(
              "$sandbox.stream." + any(random, NOTICES),
              random.nextInt(4) == 0
                  ? params(random)
                  : "{\"streamId\":" + random.nextInt(4) + ",\"data\":\"AAAA\"}");
      case 12 -> {
        // In two frames, cut anywhere.
        byte[] bytes = request.getBytes(StandardCharsets.UTF_8);
        int cut = random.nextInt(bytes.length);
        client.frame(1, false, java.util.Arrays.copyOf(bytes, cut));
        client.frame(0, true, java.util.Arrays.copyOfRange(bytes, cut, bytes.length));
      }
      default -> client.send(request);
    }
  }

  private static String mutated(String text, Random random) {
    StringBuilder mutated = new StringBuilder(text);
    for (int i = 1 + random.nextInt(5); i > 0; i--) {
      int at = random.nextInt(mutated.length());
      switch (random.nextInt(3)) {
        case 0 -> mutated.deleteCharAt(at);
        case 1 -> mutated.setCharAt(at, (char) random.nextInt(0x80));
        default -> mutated.insert(at, mutated.substring(at, Math.min(at + 20, mutated.length())));
      }
      if (mutated.isEmpty()) {
        return "";
      }
    }
    return mutated.toString();
  }
}
