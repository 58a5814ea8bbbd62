package dev.belljar.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.belljar.server.rpc.HeapBudget;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** Messages on a socket that ought not to be, and many at once. */
class SocketTest {
  @TempDir static Path data;
  private static TestServer server;

  private RawClient client;

  @BeforeAll
  static void start() {
    server = new TestServer(data, Duration.ofSeconds(30));
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @BeforeEach
  void open() throws Exception {
    client = server.create();
  }

  @AfterEach
  void nothingIsHeldWhenItIsOver() throws Exception {
    client.close();
    await().until(() -> server.heap().held() == 0);
  }

  private void assertFault(JsonNode answer, int code) {
    assertThat(answer.path("error").path("code").asInt(0)).as(answer.toString()).isEqualTo(code);
  }

  @Test
  void anUnknownMethodIsAnswered() throws Exception {
    JsonNode answer = client.call("format", "{}");
    assertFault(answer, -32601);
    assertThat(answer.get("error").get("message").stringValue()).isEqualTo("Method not found");
    assertFault(client.call("", "{}"), -32601);
    assertFault(client.call("x".repeat(1_000_000), "{}"), -32601);
  }

  /** Each method with each required parameter and what it must be. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "readFile|path|{}|string",
        "readTextFile|path|{}|string",
        "writeFile|path|{\"content\":\"\"}|string",
        "writeFile|content|{\"path\":\"/f\"}|string",
        "writeTextFile|path|{\"content\":\"\"}|string",
        "writeTextFile|content|{\"path\":\"/f\"}|string",
        "readDir|path|{}|string",
        "remove|path|{}|string",
        "mkdir|path|{}|string",
        "rename|oldPath|{\"newPath\":\"/b\"}|string",
        "rename|newPath|{\"oldPath\":\"/b\"}|string",
        "stat|path|{}|string",
        "lstat|path|{}|string",
        "chmod|path|{\"mode\":420}|string",
        "chmod|mode|{\"path\":\"/f\"}|size",
        "chown|path|{}|string",
        "copyFile|fromPath|{\"toPath\":\"/b\"}|string",
        "copyFile|toPath|{\"fromPath\":\"/b\"}|string",
        "link|target|{\"path\":\"/b\"}|string",
        "link|path|{\"target\":\"/b\"}|string",
        "symlink|target|{\"path\":\"/b\"}|string",
        "symlink|path|{\"target\":\"/b\"}|string",
        "readLink|path|{}|string",
        "realPath|path|{}|string",
        "truncate|name|{}|string",
        "utime|path|{\"atime\":\"2026-01-01T00:00:00Z\",\"mtime\":\"2026-01-01T00:00:00Z\"}|string",
        "utime|atime|{\"path\":\"/f\",\"mtime\":\"2026-01-01T00:00:00Z\"}|date",
        "utime|mtime|{\"path\":\"/f\",\"atime\":\"2026-01-01T00:00:00Z\"}|date",
        "open|path|{}|string",
        "create|path|{}|string",
        "walk|path|{}|string",
        "expandGlob|glob|{}|string",
        "fileClose|fileHandleId|{}|int",
        "fileLock|fileHandleId|{}|int",
        "fileUnlock|fileHandleId|{}|int",
        "fileRead|fileHandleId|{\"length\":1}|int",
        "fileRead|length|{\"fileHandleId\":1}|size",
        "fileWrite|fileHandleId|{\"data\":\"\"}|int",
        "fileWrite|data|{\"fileHandleId\":1}|base64",
        "fileSeek|fileHandleId|{\"offset\":0,\"whence\":0}|int",
        "fileSeek|offset|{\"fileHandleId\":1,\"whence\":0}|int",
        "fileSeek|whence|{\"fileHandleId\":1,\"offset\":0}|size",
        "fileStat|fileHandleId|{}|int",
        "fileSync|fileHandleId|{}|int",
        "fileSyncData|fileHandleId|{}|int",
        "fileTruncate|fileHandleId|{}|int",
        "fileUtime|fileHandleId|{\"atime\":\"2026-01-01T00:00:00Z\",\"mtime\":\"2026-01-01T00:00:00Z\"}|int",
        "spawn|command|{\"args\":[],\"stdout\":\"null\",\"stderr\":\"null\"}|string",
        "spawn|stdout|{\"command\":\"true\",\"args\":[],\"stderr\":\"null\"}|string",
        "spawn|stderr|{\"command\":\"true\",\"args\":[],\"stdout\":\"null\"}|string",
        "processWait|pid|{}|size",
        "processKill|pid|{}|size",
        "processResize|pid|{\"rows\":1,\"columns\":1}|size",
        "processResize|rows|{\"pid\":1,\"columns\":1}|size",
        "processResize|columns|{\"pid\":1,\"rows\":1}|size",
        "dial|port|{\"streamId\":1}|size",
        "dial|streamId|{\"port\":80}|int",
        "spawnDeno|code|{\"extension\":\"ts\",\"stdout\":\"null\",\"stderr\":\"null\"}|string",
        "spawnDeno|extension|{\"code\":\"\",\"stdout\":\"null\",\"stderr\":\"null\"}|string",
        "spawnDenoRepl|stdout|{\"stderr\":\"null\"}|string",
        "denoHttpWait|pid|{}|size",
        "denoReplEval|pid|{\"code\":\"1\"}|size",
        "denoReplEval|code|{\"pid\":1}|string",
        "denoReplCall|pid|{\"fn\":\"f\",\"args\":[]}|size",
        "denoReplCall|fn|{\"pid\":1,\"args\":[]}|string",
        "denoReplClose|pid|{}|size",
        "fetch|url|{\"method\":\"GET\",\"redirect\":\"follow\",\"headers\":[]}|string",
        "fetch|method|{\"url\":\"http://a\",\"redirect\":\"follow\",\"headers\":[]}|string",
        "fetch|redirect|{\"url\":\"http://a\",\"method\":\"GET\",\"headers\":[]}|string",
        "envGet|key|{}|string",
        "envSet|key|{\"value\":\"\"}|string",
        "envSet|value|{\"key\":\"a\"}|string",
        "envDelete|key|{}|string",
        "abort|abortId|{}|int"
      })
  void wrongParametersOfEachMethodAreNamed(String method, String name, String others, String type)
      throws Exception {
    List<String> wrong = new ArrayList<>(List.of("null", "{}", "[]", "true"));
    switch (type) {
      case "string" -> wrong.add("1");
      case "base64" -> wrong.addAll(List.of("1", "\"%\"", "\"a\""));
      case "date" ->
          wrong.addAll(List.of("1", "\"\"", "\"yesterday\"", "\"2026-13-01T00:00:00Z\""));
      default -> {
        wrong.addAll(List.of("\"x\"", "1.5", "1e400", "9".repeat(80), "-1e300"));
        if (type.equals("size")) {
          wrong.add("-1");
        }
      }
    }
    List<String> bodies = new ArrayList<>(List.of(others));
    String rest = others.equals("{}") ? "}" : "," + others.substring(1);
    wrong.forEach(value -> bodies.add("{\"" + name + "\":" + value + rest));
    for (String body : bodies) {
      JsonNode answer = client.call(method, body);
      assertFault(answer, -32602);
      JsonNode problem = answer.get("error").get("data");
      assertThat(problem.get("constructorName").stringValue()).isEqualTo("ZodError");
      JsonNode issues = RawClient.JSON.readTree(problem.get("message").stringValue());
      assertThat(issues.isArray()).isTrue();
      assertThat(issues.valueStream().map(issue -> issue.get("path").path(0).asString("")))
          .as(body + issues)
          .contains(name);
      issues.forEach(
          issue -> {
            assertThat(issue.get("code").isString()).isTrue();
            assertThat(issue.get("message").isString()).isTrue();
          });
    }
    for (String body : List.of("null", "[]", "1", "\"x\"")) {
      assertFault(client.call(method, body), -32602);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "mkdir|{\"path\":\"/a\",\"options\":{\"mode\":-1}}",
        "mkdir|{\"path\":\"/a\",\"options\":1}",
        "mkdir|{\"path\":\"/a\",\"options\":{\"recursive\":1}}",
        "writeFile|{\"path\":\"/a\",\"content\":\"%\"}",
        "writeFile|{\"path\":\"/a\",\"contentStreamId\":\"1\"}",
        "truncate|{\"name\":\"/a\",\"length\":-1}",
        "fileTruncate|{\"fileHandleId\":1,\"len\":-1}",
        "umask|{\"mask\":-1}",
        "umask|{\"mask\":512}",
        "chown|{\"path\":\"/a\",\"uid\":-1}",
        "walk|{\"path\":\"/\",\"maxDepth\":-1}",
        "walk|{\"path\":\"/\",\"match\":[{\"source\":\"(\",\"flags\":\"\"}]}",
        "walk|{\"path\":\"/\",\"exts\":[1]}",
        "spawn|{\"command\":\"true\",\"args\":[1],\"stdout\":\"null\",\"stderr\":\"null\"}",
        "spawn|{\"command\":\"true\",\"args\":{},\"stdout\":\"null\",\"stderr\":\"null\"}",
        "spawn|{\"command\":\"true\",\"env\":{\"a\":1},\"stdout\":\"null\",\"stderr\":\"null\"}",
        "spawn|{\"command\":\"true\",\"stdout\":\"tty\",\"stderr\":\"null\"}",
        "spawn|{\"command\":\"true\",\"terminal\":{\"rows\":0,\"columns\":1}}",
        "spawn|{\"command\":\"true\",\"stdinStreamId\":\"a\",\"stdout\":\"null\",\"stderr\":\"null\"}",
        "dial|{\"port\":65536,\"streamId\":1}",
        "fetch|{\"url\":\"http://a\",\"method\":\"GET\",\"redirect\":\"follow\",\"headers\":[[\"a\"]]}",
        "processKill|{\"pid\":1,\"signal\":9}",
        "writeFile|{\"path\":\"/a\",\"content\":\"\",\"contentStreamId\":1}",
        "writeTextFile|{\"path\":\"/a\",\"content\":\"\",\"contentStreamId\":1}",
        "walk|{\"path\":\"/\",\"match\":[{\"source\":\"a\",\"flags\":\"y\"}]}",
        "walk|{\"path\":\"/\",\"skip\":[{\"source\":\"a\",\"flags\":\"?\"}]}",
        "envToObject|5",
        "envToObject|[]",
        "envToObject|\"x\"",
        "vscode|5",
        "envToObject|{\"abortId\":\"x\"}",
        "readFile|{\"path\":\"/none\",\"abortId\":1.5}",
        "readFile|{\"path\":\"/none\",\"abortId\":\"1\"}"
      })
  void wrongOptionsAreNamedToo(String method, String body) throws Exception {
    assertFault(client.call(method, body), -32602);
  }

  @ParameterizedTest
  @ValueSource(strings = {"null", "{}", "{\"abortId\":null}", "{\"abortId\":7.0}"})
  void whatMayBeLeftOutMay(String body) throws Exception {
    assertThat(client.ok("envToObject", body).isObject()).isTrue();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "readFile|{\"path\":\"/none\"}|NotFound|ENOENT",
        "spawn|{\"command\":\"nothing\",\"args\":[],\"stdout\":\"null\",\"stderr\":\"null\"}|NotFound|ENOENT",
        "processWait|{\"pid\":99999}|TypeError|ENOENT",
        "processKill|{\"pid\":99999}|TypeError|ENOENT",
        "fileClose|{\"fileHandleId\":77}|BadResource|",
        "dial|{\"port\":81,\"streamId\":5}|ConnectionRefused|ECONNREFUSED",
        "fetch|{\"url\":\"::\",\"method\":\"GET\",\"redirect\":\"follow\"}|TypeError|",
        "fetch|{\"url\":\"ftp://a\",\"method\":\"GET\",\"redirect\":\"follow\"}|TypeError|",
        "fetch|{\"url\":\"http://a\",\"method\":\"G T\",\"redirect\":\"follow\"}|TypeError|",
        "envSet|{\"key\":\"a=b\",\"value\":\"\"}|TypeError|",
        "exposeHttp|{\"domain\":\"a\",\"port\":1}|NotSupported|",
        "vscode|{}|NotSupported|"
      })
  void anOperationThatFailsIsAResult(String method, String body, String type, String code)
      throws Exception {
    JsonNode error = client.call(method, body).path("result").path("error");
    assertThat(error.get("constructorName").stringValue()).isEqualTo(type);
    assertThat(error.get("code").asString("")).isEqualTo(code == null ? "" : code);
    assertThat(error.propertyNames())
        .contains("message", "stack", "cause", "errors", "name", "error", "suppressed");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "{",
        "nonsense",
        "{\"a\":}",
        "[1,",
        "{} {}",
        "'",
        "\u0000",
        "01",
        "{\"id\":1e}"
      })
  void brokenJsonClosesTheSocket(String text) throws Exception {
    client.send(text);
    assertThat(client.closeCode()).isEqualTo(4000);
  }

  @Test
  void nestingBeyondAllReasonClosesTheSocket() throws Exception {
    client.send("[".repeat(10_000) + "]".repeat(10_000));
    assertThat(client.closeCode()).isEqualTo(4000);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "1",
        "null",
        "\"ping\"",
        "[]",
        "{}",
        "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"envToObject\"}]",
        "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"envToObject\"}",
        "{\"jsonrpc\":2.0,\"id\":1,\"method\":\"envToObject\"}",
        "{\"id\":1,\"method\":\"envToObject\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"envToObject\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"envToObject\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"envToObject\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"envToObject\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1e400,\"method\":\"envToObject\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":1}",
        "{\"jsonrpc\":\"2.0\",\"id\":1}"
      })
  void whatIsNotJsonRpcClosesTheSocket(String text) throws Exception {
    client.send(text);
    assertThat(client.closeCode()).isEqualTo(4001);
  }

  @Test
  void anIdThatIsLongerThanAnyNeedsClosesTheSocket() throws Exception {
    client.send(
        "{\"jsonrpc\":\"2.0\",\"id\":\"" + "x".repeat(257) + "\",\"method\":\"envToObject\"}");
    assertThat(client.closeCode()).isEqualTo(4001);
  }

  @Test
  void binaryMessagesCloseTheSocket() throws Exception {
    client.sendBinary(new byte[] {1, 2, 3});
    assertThat(client.closeCode()).isEqualTo(1003);
  }

  @Test
  void textThatIsNotUtf8ClosesTheSocket() throws Exception {
    client.frame(1, true, new byte[] {(byte) 0xff, (byte) 0xfe});
    assertThat(client.closeCode()).isEqualTo(1007);
  }

  @Test
  void aMessageLargerThanAnyMayBeClosesTheSocket(@TempDir Path other) throws Exception {
    ServerConfig config = ServerConfig.of(other).at("127.0.0.1", 0).with(TestServer.MANY);
    // Nominal: so that memory is not what the message fails for.
    HeapBudget plenty = new HeapBudget(4L << 30);
    try (TestServer large = new TestServer(config, Duration.ofSeconds(5), plenty);
        RawClient sender = large.create()) {
      byte[] part = "x".repeat(8 << 20).getBytes(StandardCharsets.US_ASCII);
      sender.frame(1, false, part);
      for (int i = 1; i < 176 / 8; i++) {
        sender.frame(0, false, part);
      }
      assertThat(sender.isClosed()).isFalse();
      sender.frame(0, true, new byte[] {'x'});
      assertThat(sender.closeCode()).isEqualTo(1009);
      await().until(() -> plenty.held() == 0);
    }
  }

  @Test
  void aMessageForWhichThereIsNoMemoryClosesTheSocket() throws Exception {
    byte[] part = "x".repeat(4 << 20).getBytes(StandardCharsets.US_ASCII);
    try {
      client.frame(1, false, part);
      for (int i = 0; i < 60 && !client.isClosed(); i++) {
        client.frame(0, false, part);
      }
    } catch (java.io.IOException e) {
      // It does not read the rest.
    }
    assertThat(client.closeCode()).isEqualTo(1013);
  }

  @Test
  void idsAreRepeatedAsTheyCame() throws Exception {
    for (String id : List.of("1", "0", "-5", "1.5", "9007199254740993", "\"a\"", "\"\"", "\"1\"")) {
      JsonNode answer = client.request(id, "envToObject", "{}").get(10, TimeUnit.SECONDS);
      assertThat(answer.get("id").toString()).isEqualTo(id);
    }
  }

  @Test
  void anIdThatIsUnderWayIsRefusedAndFreeAfterwards() throws Exception {
    int pid = spawn("sleep");
    CompletableFuture<JsonNode> first = client.request("7", "processWait", "{\"pid\":" + pid + "}");
    client.send("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"envToObject\",\"params\":{}}");
    JsonNode refused = first.get(10, TimeUnit.SECONDS);
    assertFault(refused, -32600);
    client.ok("processKill", "{\"pid\":" + pid + "}");
    assertThat(client.strangers().poll(10, TimeUnit.SECONDS).get("result").get("ok").get("signal"))
        .isNotNull();
    for (int i = 0; i < 200; i++) {
      JsonNode again = client.request("7", "envToObject", "{}").get(10, TimeUnit.SECONDS);
      assertThat(again.has("result")).as(again.toString()).isTrue();
    }
  }

  @Test
  void whatNobodyAskedForIsIgnored() throws Exception {
    client.send("{\"jsonrpc\":\"2.0\",\"id\":99,\"result\":{\"ok\":1}}");
    client.send("{\"jsonrpc\":\"2.0\",\"id\":99,\"error\":{\"code\":1}}");
    client.tell("format", "{}");
    client.tell("$sandbox.stream.start", "{}");
    client.tell("$sandbox.stream.enqueue", "[]");
    client.tell("$sandbox.stream.cancel", "{\"streamId\":\"x\"}");
    client.send("{\"jsonrpc\":\"2.0\",\"method\":\"envSet\"}");
    assertThat(client.ok("envToObject", "{}").isObject()).isTrue();
    assertThat(client.answers("99")).isZero();
  }

  private int spawn(String command) throws Exception {
    return client
        .ok(
            "spawn",
            "{\"command\":\"" + command + "\",\"args\":[],\"stdout\":\"null\",\"stderr\":\"null\"}")
        .get("pid")
        .intValue();
  }

  @Test
  void tenThousandRequestsAtOnceAreAnsweredOnceEach() throws Exception {
    int pid = spawn("sleep");
    List<CompletableFuture<JsonNode>> waits = new ArrayList<>();
    for (int i = 0; i < 300; i++) {
      waits.add(client.request("processWait", "{\"pid\":" + pid + "}"));
    }
    List<CompletableFuture<JsonNode>> answers = new ArrayList<>();
    for (int i = 0; i < 10_000; i++) {
      answers.add(client.request("\"r" + i + "\"", "envToObject", "{}"));
    }
    // This one waits until the server has read what was sent before it.
    assertThat(client.ping()).isLessThan(5000);
    for (CompletableFuture<JsonNode> answer : answers) {
      assertThat(answer.get(60, TimeUnit.SECONDS).has("result")).isTrue();
    }
    assertThat(client.ping()).isLessThan(1000);
    assertThat(waits).noneMatch(CompletableFuture::isDone);
    client.ok("processKill", "{\"pid\":" + pid + "}");
    for (CompletableFuture<JsonNode> wait : waits) {
      wait.get(10, TimeUnit.SECONDS);
    }
    for (int i = 0; i < 10_000; i++) {
      assertThat(client.answers("\"r" + i + "\"")).isEqualTo(1);
    }
    assertThat(client.strangers()).isEmpty();
  }

  @Test
  void moreRequestsThanMayWaitAreRefused() throws Exception {
    int pid = spawn("sleep");
    List<CompletableFuture<JsonNode>> waits = new ArrayList<>();
    for (int i = 0; i < 16_384 + 10; i++) {
      waits.add(client.request("processWait", "{\"pid\":" + pid + "}"));
    }
    Set<Integer> refused = new HashSet<>();
    await().until(() -> waits.stream().filter(CompletableFuture::isDone).count() == 10);
    waits.stream()
        .filter(CompletableFuture::isDone)
        .forEach(wait -> refused.add(wait.join().get("error").get("code").intValue()));
    assertThat(refused).containsExactly(-32000);
    assertThat(client.ping()).isLessThan(1000);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "readFile|{\"path\":\"/hang\",\"abortId\":5}",
        "writeFile|{\"path\":\"/hang\",\"content\":\"\",\"abortId\":5}",
        "writeFile|{\"path\":\"/sink\",\"contentStreamId\":3,\"abortId\":5}",
        "fetch|{\"url\":\"http://a/hang\",\"method\":\"GET\",\"redirect\":\"follow\",\"abortId\":5}",
        "fetch|{\"url\":\"http://a/devour\",\"method\":\"POST\",\"redirect\":\"follow\",\"bodyStreamId\":4,\"abortId\":5}"
      })
  void aRequestIsAborted(String method, String params) throws Exception {
    CompletableFuture<JsonNode> other =
        client.request(
            "processWait", "{\"pid\":" + spawn("sleep") + ",\"abortId\":9007199254740991}");
    CompletableFuture<JsonNode> hangs = client.request(method, params);
    await().during(Duration.ofMillis(50)).until(() -> !hangs.isDone());
    client.ok("abort", "{\"abortId\":5}");
    JsonNode error = hangs.get(10, TimeUnit.SECONDS).path("result").path("error");
    assertThat(error.path("name").asString("")).isEqualTo("AbortError");
    client.ok("abort", "{\"abortId\":5}");
    assertThat(other).isNotDone();
  }

  @Test
  void waitingForAProcessIsAborted() throws Exception {
    CompletableFuture<JsonNode> waits =
        client.request("processWait", "{\"pid\":" + spawn("sleep") + ",\"abortId\":6}");
    client.ok("abort", "{\"abortId\":6}");
    assertThat(
            waits.get(10, TimeUnit.SECONDS).path("result").path("error").path("name").asString(""))
        .isEqualTo("AbortError");
  }

  @Test
  void pingsOfTheProtocolBelowAreAnsweredWithoutBeingKept() throws Exception {
    for (int i = 0; i < 10_000; i++) {
      client.sendPing();
    }
    assertThat(client.ping()).isLessThan(5000);
  }

  @Test
  void textWithEveryKindOfCharacterComesBackAsItWas() throws Exception {
    String text = "a\"\\\u0001\u0000\u2028" + "ü€😀".repeat(100_000);
    client.ok(
        "writeTextFile",
        "{\"path\":\"/t\",\"content\":" + RawClient.JSON.writeValueAsString(text) + "}");
    assertThat(client.ok("readTextFile", "{\"path\":\"/t\"}").stringValue()).isEqualTo(text);
    assertThat(client.ok("readFile", "{\"path\":\"/t\"}").binaryValue())
        .isEqualTo(text.getBytes(StandardCharsets.UTF_8));
    client.ok("writeFile", "{\"path\":\"/e\",\"content\":\"\"}");
    assertThat(client.ok("readTextFile", "{\"path\":\"/e\"}").stringValue()).isEmpty();
    assertThat(client.ok("readFile", "{\"path\":\"/e\"}").stringValue()).isEmpty();
  }

  @Test
  void aFileWithoutEndIsGivenUpWithinBounds() throws Exception {
    List<CompletableFuture<JsonNode>> reads = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      reads.add(client.request(i % 2 == 0 ? "readFile" : "readTextFile", "{\"path\":\"/zero\"}"));
    }
    for (CompletableFuture<JsonNode> read : reads) {
      JsonNode error = read.get(60, TimeUnit.SECONDS).path("result").path("error");
      assertThat(error.path("code").asString("")).isIn("EFBIG", "ENOMEM");
    }
  }

  @Test
  void openFilesAreBoundedAndClosedWithTheSocket() throws Exception {
    for (int i = 0; i < 1024; i++) {
      client.ok("create", "{\"path\":\"/f\"}");
    }
    JsonNode error = client.call("create", "{\"path\":\"/f\"}").path("result").path("error");
    assertThat(error.path("code").asString("")).isEqualTo("EMFILE");
    FakeSandbox sandbox = server.of(client);
    assertThat(sandbox.files().openFiles()).isEqualTo(1024);
    client.reset();
    await().until(() -> sandbox.files().openFiles() == 0);
  }
}
