package dev.belljar.remote;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.belljar.BelljarException;
import dev.belljar.EgressLimits;
import dev.belljar.EgressRecord;
import dev.belljar.EgressTotals;
import dev.belljar.Endpoint;
import dev.belljar.FetchException;
import dev.belljar.FetchRequest;
import dev.belljar.FileSystemOperationException;
import dev.belljar.InvalidOptionException;
import dev.belljar.PermissionDeniedException;
import dev.belljar.ProcessEndedException;
import dev.belljar.Sandbox;
import dev.belljar.SandboxClosedException;
import dev.belljar.SandboxOptions;
import dev.belljar.SandboxUnavailableException;
import dev.belljar.ScriptException;
import dev.belljar.Secret;
import dev.belljar.Signal;
import dev.belljar.SpawnOptions;
import dev.belljar.SpawnOptions.Stdio;
import dev.belljar.WriteOptions;
import dev.belljar.remote.ScriptedServer.Answer;
import dev.belljar.remote.ScriptedServer.Peer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

@Timeout(60)
class RemoteSandboxTest {
  private final ScriptedServer server;

  RemoteSandboxTest() throws IOException {
    server = new ScriptedServer();
  }

  @AfterEach
  void closeServer() throws IOException {
    server.close();
  }

  @Test
  void creationSaysWhatIsWantedAndWho() throws Exception {
    try (Sandbox sandbox =
        Sandbox.create(
            options()
                .memory("2GiB")
                .timeout(Duration.ofMinutes(5))
                .label("team", "a")
                .allowNet("example.com:443")
                .build())) {
      Peer peer = server.peer();
      assertThat(sandbox.id()).isEqualTo(ScriptedServer.ID);
      assertThat(sandbox.labels()).containsEntry("team", "a");
      assertThat(sandbox.stopAt())
          .isBetween(Instant.now().plusSeconds(250), Instant.now().plusSeconds(301));
      assertThat(peer.request.path()).isEqualTo("/api/v3/sandboxes/create");
      assertThat(peer.request.headers())
          .containsEntry("authorization", "Bearer " + ScriptedServer.TOKEN);
      assertThat(peer.config().path("memory_mb").asInt()).isEqualTo(2048);
      assertThat(peer.config().path("stop_at_ms").asLong()).isGreaterThan(1_000_000_000_000L);
      assertThat(peer.config().path("labels").path("team").asString()).isEqualTo("a");
      assertThat(peer.config().path("allow_net").path(0).asString()).isEqualTo("example.com:443");
      assertThat(peer.config().has("belljar")).isFalse();
    }
  }

  @Test
  void organizationIsNamedToTheServer() throws Exception {
    Endpoint plain = server.endpoint();
    Endpoint endpoint =
        new Endpoint(
            plain.sandboxes(), plain.management(), plain.token(), java.util.Optional.of("acme"));
    try (Sandbox sandbox = Sandbox.connect(ScriptedServer.ID, endpoint)) {
      assertThat(sandbox.id()).isEqualTo(ScriptedServer.ID);
      assertThat(server.peer().request.headers()).containsEntry("x-deno-org", "acme");
    }
  }

  @Test
  void environmentIsSetBeforeTheSandboxIsGiven() throws Exception {
    List<String> set = new ArrayList<>();
    server.script(
        (peer, method, params) -> {
          set.add(params.path("key").asString() + "=" + params.path("value").asString());
          return Json.of(null);
        });
    try (Sandbox sandbox = Sandbox.create(options().env("A", "1").env("B", "2").build())) {
      assertThat(sandbox.id()).isNotEmpty();
      assertThat(set).containsExactlyInAnyOrder("A=1", "B=2");
    }
  }

  @Test
  void belljarsServerGetsWhatTheProtocolCannotSay() throws Exception {
    server.belljar();
    try (Sandbox sandbox =
        Sandbox.create(
            options()
                .vcpus(4)
                .noNet()
                .processes(99)
                .workingDirectory("/srv")
                .connectTo("a.example:443:[::1]:8443")
                .egressLimits(EgressLimits.parse("connections=9"))
                .secret("KEY", Secret.of("wörth", "api.example", "*.b.example").alsoInBody())
                .build())) {
      JsonNode config = server.peer().config();
      JsonNode more = config.path("belljar");
      assertThat(sandbox.id()).isNotEmpty();
      assertThat(more.path("vcpus").asInt()).isEqualTo(4);
      assertThat(more.path("no_net").asBoolean()).isTrue();
      assertThat(more.path("processes").asInt()).isEqualTo(99);
      assertThat(more.path("cwd").asString()).isEqualTo("/srv");
      assertThat(more.path("connect_to").path(0).asString()).isEqualTo("a.example:443:[::1]:8443");
      assertThat(EgressLimits.parse(more.path("egress_limits").asString()))
          .isEqualTo(EgressLimits.parse("connections=9"));
      assertThat(more.path("secrets_in_body").path(0).asString()).isEqualTo("KEY");
      JsonNode secret = config.path("secrets").path("KEY");
      assertThat(secret.path("value").asString()).isEqualTo("wörth");
      assertThat(secret.path("hosts").path(1).asString()).isEqualTo("*.b.example");
    }
  }

  @Test
  void anothersServerIsRefusedWhatItCannotDoAndItsSandboxDestroyed() throws Exception {
    server.http(
        request -> request.method().equals("DELETE") ? Answer.of(200, "") : Answer.of(404, "{}"));
    FutureTask<Object> closer =
        run(
            () -> {
              Peer peer = server.peer();
              await()
                  .until(() -> server.requests.stream().anyMatch(r -> r.method().equals("DELETE")));
              peer.close(1000, "killed");
              return peer;
            });
    assertThatThrownBy(() -> Sandbox.create(options().vcpus(4).processes(99).build()))
        .isInstanceOf(InvalidOptionException.class)
        .hasMessageContaining("vcpus")
        .hasMessageContaining("processes");
    closer.get(10, TimeUnit.SECONDS);
  }

  @Test
  void anothersServerIsAskedForNoUserNoTerminalAndNoPort() {
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      assertThatThrownBy(
              () -> sandbox.spawn("id", SpawnOptions.builder().piped().user("root").build()))
          .isInstanceOf(InvalidOptionException.class)
          .hasMessageContaining("user");
      assertThatThrownBy(() -> sandbox.spawn("vi", SpawnOptions.builder().terminal(24, 80).build()))
          .isInstanceOf(InvalidOptionException.class)
          .hasMessageContaining("terminal");
      assertThatThrownBy(() -> sandbox.dial(80))
          .isInstanceOf(InvalidOptionException.class)
          .hasMessageContaining("dial");
      assertThat(sandbox.isolation().hardware()).isFalse();
      assertThat(sandbox.egress()).isEmpty();
      assertThat(sandbox.egressTotals()).isEqualTo(EgressTotals.NONE);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "401, INVALID_TOKEN, InvalidTokenException",
    "403, INVALID_TOKEN, InvalidTokenException",
    "400, INVALID_CONFIG, InvalidOptionException",
    "404, NOT_FOUND, SandboxClosedException",
    "429, LIMIT, SandboxUnavailableException",
    "503, DRAINING, SandboxUnavailableException",
    "302, MOVED, SandboxUnavailableException"
  })
  void refusedHandshakeIsATypedErrorWithTheTraceIdAndWithoutTheToken(
      int status, String code, String type) {
    server.http(
        request ->
            Answer.of(
                status,
                "{\"code\":\"%s\",\"message\":\"no, %s\"}".formatted(code, ScriptedServer.TOKEN)));
    assertThatThrownBy(() -> Sandbox.connect(ScriptedServer.ID, server.endpoint()))
        .satisfies(e -> assertThat(e.getClass().getSimpleName()).isEqualTo(type))
        .hasMessageContaining("trace-2")
        .hasMessageContaining("no, …")
        .hasMessageContaining(code)
        .satisfies(RemoteSandboxTest::saysNoToken);
  }

  @Test
  void refusalThatIsNoJsonIsToldByItsStatus() {
    server.http(request -> new Answer(502, Map.of(), "<html>bad gateway</html>"));
    assertThatThrownBy(() -> Sandbox.create(options().build()))
        .isInstanceOf(SandboxUnavailableException.class)
        .hasMessageContaining("502");
  }

  @Test
  void redirectionIsNotFollowedWithTheToken() throws Exception {
    try (ScriptedServer other = new ScriptedServer()) {
      server.http(
          request ->
              new Answer(307, Map.of("Location", other.endpoint().sandboxes() + "/steal"), ""));
      assertThatThrownBy(() -> Sandbox.list(server.endpoint(), Map.of()))
          .isInstanceOf(SandboxUnavailableException.class);
      assertThat(other.requests).isEmpty();
    }
  }

  @Test
  void serverThatIsNotThereIsSaidSo() throws Exception {
    Endpoint endpoint = server.endpoint();
    server.close();
    assertThatThrownBy(() -> Sandbox.connect(ScriptedServer.ID, endpoint))
        .isInstanceOf(SandboxUnavailableException.class)
        .hasMessageContaining("127.0.0.1");
  }

  @Test
  void socketWithoutAnIdIsNone() {
    server.handshake(Map.of());
    assertThatThrownBy(() -> Sandbox.create(options().build()))
        .isInstanceOf(SandboxUnavailableException.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "sbx_loc_short", "../../etc", "sbx_loc_0123456789abcdefghjk/x"})
  void whatIsNoIdIsNotSent(String id) {
    assertThatThrownBy(() -> Sandbox.connect(id, server.endpoint()))
        .isInstanceOf(InvalidOptionException.class);
    assertThat(server.requests).isEmpty();
  }

  @Test
  void listingFollowsPagesAndReadsWhatTheServerSays() {
    server.http(
        request ->
            request.path().contains("cursor=next")
                ? Answer.of(200, "[" + entry("sbx_loc_1", "\"2026-01-01T00:01:00Z\"") + "]")
                : new Answer(
                    200,
                    Map.of("Link", "</api/v2/sandboxes?cursor=next>; rel=\"next\""),
                    "[" + entry("sbx_loc_0", "null") + "]"));
    var found = Sandbox.list(server.endpoint(), Map.of("team", "a b"));
    assertThat(found).extracting("id").containsExactly("sbx_loc_0", "sbx_loc_1");
    assertThat(found.getFirst().stoppedAt()).isEmpty();
    assertThat(found.getLast().stoppedAt()).contains(Instant.parse("2026-01-01T00:01:00Z"));
    assertThat(found.getFirst().labels()).containsEntry("team", "a b");
    assertThat(server.requests.peek().path()).contains("labels%5Bteam%5D=a+b");
  }

  @Test
  void answersMayComeInAnyOrder() throws Exception {
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      Peer peer = server.peer();
      FutureTask<String> first = run(() -> sandbox.fs().readLink("/a"));
      JsonNode askedFirst = peer.next("readLink");
      FutureTask<String> second = run(() -> sandbox.fs().readLink("/b"));
      JsonNode askedSecond = peer.next("readLink");
      peer.ok(askedSecond, "second");
      assertThat(second.get(10, TimeUnit.SECONDS)).isEqualTo("second");
      peer.ok(askedFirst, "first");
      peer.ok(askedFirst, "again");
      assertThat(first.get(10, TimeUnit.SECONDS)).isEqualTo("first");
    }
  }

  @Test
  void aHundredThreadsCallAtOnce() throws Exception {
    server.script((peer, method, params) -> params.path("key"));
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      List<FutureTask<String>> calls = new ArrayList<>();
      for (int i = 0; i < 100; i++) {
        String key = "key" + i;
        calls.add(run(() -> sandbox.env().get(key).orElseThrow()));
      }
      for (int i = 0; i < 100; i++) {
        assertThat(calls.get(i).get(10, TimeUnit.SECONDS)).isEqualTo("key" + i);
      }
    }
  }

  @Test
  void streamsMayStartBeforeTheAnswerOrAfter() throws Exception {
    server.script(RemoteSandboxTest::endedProcess);
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      Peer peer = server.peer();
      FutureTask<String> output = run(() -> sandbox.spawn("ls").output().stdoutText());
      JsonNode spawn = peer.next("spawn");
      peer.start(7);
      peer.enqueue(7, "early, ".getBytes(StandardCharsets.UTF_8));
      peer.ok(spawn, Map.of("pid", 5, "stdoutStreamId", 7, "stderrStreamId", 8));
      peer.start(8);
      peer.end(8);
      peer.enqueue(7, "late".getBytes(StandardCharsets.UTF_8));
      peer.end(7);
      assertThat(output.get(10, TimeUnit.SECONDS)).isEqualTo("early, late");
    }
  }

  @Test
  void streamThatFailsFailsItsReaderAfterWhatCame() throws Exception {
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      Peer peer = server.peer();
      FutureTask<InputStream> body =
          run(() -> sandbox.fetch(FetchRequest.to("http://x.example").build()).body());
      JsonNode fetch = peer.next("fetch");
      peer.ok(
          fetch, Map.of("status", 200, "statusText", "", "headers", List.of(), "bodyStreamId", 3));
      peer.start(3);
      peer.enqueue(3, new byte[] {1, 2});
      peer.stream(
          "error", 3, ",\"error\":{\"constructorName\":\"TypeError\",\"message\":\"cut off\"}");
      InputStream stream = body.get(10, TimeUnit.SECONDS);
      assertThat(stream.readNBytes(2)).containsExactly(1, 2);
      assertThatThrownBy(stream::read).isInstanceOf(IOException.class).hasMessage("cut off");
    }
  }

  @Test
  void readerThatClosesCancels() throws Exception {
    server.script(RemoteSandboxTest::runningProcess);
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      Peer peer = server.peer();
      var child = spawned(sandbox, peer, 7);
      peer.start(7);
      child.stdout().close();
      assertThat(peer.next("$sandbox.stream.cancel").path("params").path("streamId").asInt())
          .isEqualTo(7);
      assertThatThrownBy(() -> child.stdout().read()).isInstanceOf(IOException.class);
    }
  }

  @Test
  void writerIsToldThatTheServerWantsNoMore() throws Exception {
    server.script(RemoteSandboxTest::runningProcess);
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      Peer peer = server.peer();
      var child = spawned(sandbox, peer, 7);
      OutputStream stdin = child.stdin();
      stdin.write("hello".getBytes(StandardCharsets.UTF_8));
      JsonNode sent = peer.next("$sandbox.stream.enqueue").path("params");
      assertThat(
              new String(
                  Base64.getDecoder().decode(sent.path("data").asString()), StandardCharsets.UTF_8))
          .isEqualTo("hello");
      peer.stream("cancel", sent.path("streamId").asLong(), ",\"reason\":null");
      await()
          .untilAsserted(
              () -> assertThatThrownBy(() -> stdin.write(1)).hasMessageContaining("Broken pipe"));
      stdin.close();
    }
  }

  @Test
  void largeFileGoesAsAStream() throws Exception {
    byte[] content = new byte[3 << 20];
    Arrays.fill(content, (byte) 'x');
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      Peer peer = server.peer();
      FutureTask<Object> writing =
          run(
              () -> {
                sandbox
                    .fs()
                    .writeFile("/f", new ByteArrayInputStream(content), WriteOptions.DEFAULT);
                return "";
              });
      JsonNode start = peer.next("$sandbox.stream.start");
      JsonNode request = peer.next("writeFile");
      assertThat(request.path("params").path("contentStreamId"))
          .isEqualTo(start.path("params").path("streamId"));
      int received = 0;
      JsonNode message = peer.next();
      while (message.path("method").asString().equals("$sandbox.stream.enqueue")) {
        received +=
            Base64.getDecoder().decode(message.path("params").path("data").asString()).length;
        message = peer.next();
      }
      assertThat(message.path("method").asString()).isEqualTo("$sandbox.stream.end");
      assertThat(received).isEqualTo(content.length);
      assertThat(writing.isDone()).isFalse();
      peer.ok(request, Json.of(null));
      writing.get(10, TimeUnit.SECONDS);
    }
  }

  @Test
  void writeThatTheSandboxRefusesStopsAtOnce() throws Exception {
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      Peer peer = server.peer();
      InputStream endless =
          new InputStream() {
            @Override
            public int read() {
              return 'x';
            }
          };
      FutureTask<Object> writing =
          run(
              () -> {
                sandbox.fs().writeFile("/f", endless, WriteOptions.DEFAULT);
                return "";
              });
      JsonNode request = peer.next("writeFile");
      peer.error(
          request, "PermissionDenied", "Permission denied (os error 13): open '/f'", "EACCES");
      assertThatThrownBy(() -> writing.get(10, TimeUnit.SECONDS))
          .hasCauseInstanceOf(PermissionDeniedException.class);
    }
  }

  @Test
  void largeFileIsReadInParts() throws Exception {
    byte[] content = new byte[(2 << 20) + 5];
    new java.util.Random(1).nextBytes(content);
    int[] position = {0};
    server.script(
        (peer, method, params) ->
            switch (method) {
              case "stat" -> stat(content.length);
              case "open" -> Json.object().put("fileHandleId", 4);
              case "fileRead" -> {
                int length = Math.min(content.length - position[0], params.path("length").asInt());
                byte[] part = Arrays.copyOfRange(content, position[0], position[0] + length);
                position[0] += length;
                var data = Json.object();
                data.set(
                    "data", Json.of(length == 0 ? null : Base64.getEncoder().encodeToString(part)));
                yield data;
              }
              default -> Json.of(null);
            });
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      assertThat(sandbox.fs().readFile("/f")).isEqualTo(content);
    }
  }

  @Test
  void serverThatReadsMoreThanItWasAskedIsNotBelieved() {
    server.script(
        (peer, method, params) ->
            switch (method) {
              case "open" -> Json.object().put("fileHandleId", 4);
              case "fileRead" ->
                  Json.object("data", Base64.getEncoder().encodeToString(new byte[1000]));
              case "fileWrite" -> Json.object().put("bytesWritten", 0);
              default -> Json.of(null);
            });
    try (Sandbox sandbox = Sandbox.create(options().build());
        var file = sandbox.fs().create("/f")) {
      assertThatThrownBy(() -> file.read(new byte[10])).isInstanceOf(BelljarException.class);
      assertThatThrownBy(() -> file.write(new byte[10])).isInstanceOf(BelljarException.class);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "NotFound, ENOENT, NotFoundException, 2",
    "NotFound, '', NotFoundException, 2",
    "AlreadyExists, EEXIST, AlreadyExistsException, 17",
    "Error, ENOTEMPTY, DirectoryNotEmptyException, 39",
    "Error, EXDEV, FileSystemOperationException, 18",
    "NotSupported, '', FileSystemOperationException, 95"
  })
  void errorsOfFilesAreTheApisOwn(String constructorName, String code, String type, int errno)
      throws Exception {
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      Peer peer = server.peer();
      FutureTask<String> call = run(() -> sandbox.fs().realPath("/x"));
      peer.error(peer.next("realPath"), constructorName, "said by the sandbox", code);
      assertThatThrownBy(() -> call.get(10, TimeUnit.SECONDS))
          .cause()
          .isInstanceOf(FileSystemOperationException.class)
          .hasMessage("said by the sandbox")
          .satisfies(
              e -> {
                assertThat(e.getClass().getSimpleName()).isEqualTo(type);
                assertThat(((FileSystemOperationException) e).errno()).isEqualTo(errno);
              });
    }
  }

  @Test
  void processThatHasEndedCannotBeKilled() throws Exception {
    server.script(RemoteSandboxTest::runningProcess);
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      Peer peer = server.peer();
      var child = spawned(sandbox, peer, 7);
      FutureTask<Object> kill =
          run(
              () -> {
                child.kill(Signal.SIGINT);
                return "";
              });
      JsonNode request = peer.next("processKill");
      assertThat(request.path("params").path("signal").asString()).isEqualTo("SIGINT");
      peer.error(request, "TypeError", "Child process has already terminated", "ENOENT");
      assertThatThrownBy(() -> kill.get(10, TimeUnit.SECONDS))
          .hasCauseInstanceOf(ProcessEndedException.class);
    }
  }

  @Test
  void whatCodeThrowsIsAScriptException() throws Exception {
    server.script(RemoteSandboxTest::runningProcess);
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      Peer peer = server.peer();
      FutureTask<Object> value =
          run(
              () -> {
                try (var repl = sandbox.deno().repl()) {
                  return List.of(repl.eval("1"), repl.call("f", List.of(1, "a", List.of(true))));
                }
              });
      peer.ok(
          peer.next("spawnDenoRepl"), Map.of("pid", 5, "stdoutStreamId", 7, "stderrStreamId", 8));
      peer.ok(peer.next("denoReplEval"), Map.of("a", List.of(1, 1.5, "x")));
      JsonNode call = peer.next("denoReplCall");
      assertThat(call.path("params").path("args").toString()).isEqualTo("[1,\"a\",[true]]");
      peer.fail(
          call,
          Map.of(
              "constructorName",
              "RangeError",
              "message",
              "too far",
              "code",
              "ERR_FAR",
              "cause",
              Map.of("constructorName", "Error", "message", "why", "name", "Named"),
              "errors",
              Collections.nCopies(100, Map.of("message", "one of many"))));
      peer.ok(peer.next("denoReplClose"), Json.of(null));
      peer.error(peer.next("processKill"), "TypeError", "it has ended", "ENOENT");
      assertThatThrownBy(() -> value.get(10, TimeUnit.SECONDS))
          .cause()
          .isInstanceOfSatisfying(
              ScriptException.class,
              e -> {
                assertThat(e.constructorName()).isEqualTo("RangeError");
                assertThat(e).hasMessage("too far");
                assertThat(e.code()).contains("ERR_FAR");
                assertThat(e.error().errors()).hasSize(62);
                assertThat(e)
                    .cause()
                    .isInstanceOfSatisfying(
                        ScriptException.class,
                        cause -> assertThat(cause.errorName()).isEqualTo("Named"))
                    .hasMessage("why");
              });
    }
  }

  @Test
  void requestThatCannotBeMadeIsAFetchException() throws Exception {
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      Peer peer = server.peer();
      FutureTask<Object> call =
          run(() -> sandbox.fetch(FetchRequest.to("http://x.example").body("b").build()));
      peer.error(peer.next("fetch"), "TypeError", "error sending request", "");
      assertThatThrownBy(() -> call.get(10, TimeUnit.SECONDS))
          .cause()
          .isInstanceOf(FetchException.class)
          .hasMessage("error sending request");
    }
  }

  @Test
  void unknownMethodAndBadParametersAreSaidSo() throws Exception {
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      Peer peer = server.peer();
      FutureTask<String> unknown = run(() -> sandbox.fs().readLink("/x"));
      peer.send(
          "{\"jsonrpc\":\"2.0\",\"id\":%d,\"error\":{\"code\":-32601,\"message\":\"Method not found\"}}"
              .formatted(peer.next("readLink").path("id").asLong()));
      assertThatThrownBy(() -> unknown.get(10, TimeUnit.SECONDS))
          .cause()
          .isInstanceOf(InvalidOptionException.class)
          .hasMessageContaining("readLink");
      FutureTask<String> bad = run(() -> sandbox.fs().readLink("/x"));
      peer.send(
          "{\"jsonrpc\":\"2.0\",\"id\":%d,\"error\":{\"code\":-32602,\"message\":\"Invalid params\",\"data\":{\"constructorName\":\"ZodError\",\"message\":\"[path]\"}}}"
              .formatted(peer.next("readLink").path("id").asLong()));
      assertThatThrownBy(() -> bad.get(10, TimeUnit.SECONDS))
          .cause()
          .isInstanceOf(InvalidOptionException.class)
          .hasMessageContaining("[path]");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"{}", "{\"ok\":5}", "{\"ok\":{\"isFile\":1}}", "[]", "\"x\"", "null"})
  void answerOfAnotherFormIsAnErrorOfThatCallAlone(String result) throws Exception {
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      Peer peer = server.peer();
      FutureTask<Object> call = run(() -> sandbox.fs().stat("/x"));
      long id = peer.next("stat").path("id").asLong();
      peer.send("{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":%s}".formatted(id, result));
      assertThatThrownBy(() -> call.get(10, TimeUnit.SECONDS))
          .cause()
          .isInstanceOf(BelljarException.class)
          .isNotInstanceOf(SandboxClosedException.class)
          .hasMessageContaining("stat");
      FutureTask<String> next = run(() -> sandbox.fs().readLink("/x"));
      peer.ok(peer.next("readLink"), "fine");
      assertThat(next.get(10, TimeUnit.SECONDS)).isEqualTo("fine");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "4000 | {broken",
        "4000 | not json",
        "4001 | []",
        "4001 | {\"id\":1}",
        "4001 | {\"jsonrpc\":\"2.0\"}",
        "4001 | {\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":{}}",
        "4001 | {\"jsonrpc\":\"2.0\",\"method\":\"$sandbox.stream.start\",\"params\":{}}",
        "4001 | {\"jsonrpc\":\"2.0\",\"method\":\"$sandbox.stream.enqueue\",\"params\":{\"streamId\":1,\"data\":\"%\"}}"
      })
  void serverThatBreaksTheProtocolIsLeft(int code, String message) throws Exception {
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      Peer peer = server.peer();
      FutureTask<String> call = run(() -> sandbox.fs().readLink("/x"));
      peer.next("readLink");
      peer.send(message);
      assertThatThrownBy(() -> call.get(10, TimeUnit.SECONDS))
          .cause()
          .isInstanceOf(SandboxClosedException.class)
          .hasMessageContaining(String.valueOf(code));
      assertThat(peer.closes.poll(10, TimeUnit.SECONDS)).isEqualTo(code);
    }
  }

  @Test
  void serverThatBreaksTheProtocolHearsWhyAfterWhatIsJustBeingWritten() throws Exception {
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      Peer peer = server.peer();
      peer.reading.acquire();
      FutureTask<String> write =
          run(
              () -> {
                sandbox.fs().writeTextFile("/x", "x".repeat(32 << 20));
                return "";
              });
      AtomicInteger unread = new AtomicInteger();
      await()
          .pollInterval(Duration.ofMillis(300))
          .until(() -> unread.getAndSet(peer.unread()) == peer.unread() && unread.get() > 1 << 16);

      peer.send("not json");

      assertThat(sandbox.awaitEnd()).contains("4000");
      peer.reading.release();
      assertThatThrownBy(() -> write.get(10, TimeUnit.SECONDS))
          .cause()
          .isInstanceOf(SandboxClosedException.class);
      assertThat(peer.closes.poll(10, TimeUnit.SECONDS)).isEqualTo(4000);
    }
  }

  @Test
  void deeplyNestedMessageDoesNotOverflowTheStack() throws Exception {
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      Peer peer = server.peer();
      peer.send("[".repeat(100_000));
      assertThat(sandbox.awaitEnd()).contains("4000");
    }
  }

  @Test
  void binaryMessageEndsTheConnection() throws Exception {
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      server.peer().sendBinary();
      assertThat(sandbox.awaitEnd()).contains("1003");
    }
  }

  @Test
  void messageOfGiantLengthIsNotCollected() throws Exception {
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      Peer peer = server.peer();
      peer.announce(1L << 40);
      byte[] part = new byte[1 << 20];
      Arrays.fill(part, (byte) 'x');
      Thread.ofVirtual()
          .start(
              () -> {
                try {
                  while (true) {
                    peer.raw(part);
                  }
                } catch (IOException e) {
                  // The client left, as it should.
                }
              });
      assertThat(sandbox.awaitEnd()).contains("1009");
    }
  }

  @Test
  void callUnderWayEndsWithTheCodeAndReasonOfTheClose() throws Exception {
    server.script(RemoteSandboxTest::runningProcess);
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      Peer peer = server.peer();
      var child = spawned(sandbox, peer, 7);
      FutureTask<String> call = run(() -> sandbox.fs().readLink("/x"));
      peer.next("readLink");
      peer.close(1001, "draining");
      assertThatThrownBy(() -> call.get(10, TimeUnit.SECONDS))
          .cause()
          .isInstanceOf(SandboxClosedException.class)
          .hasMessageContaining("1001")
          .hasMessageContaining("draining");
      assertThat(sandbox.awaitEnd()).contains("draining");
      assertThatThrownBy(child::status).isInstanceOf(SandboxClosedException.class);
      assertThatThrownBy(() -> child.stdout().read()).isInstanceOf(IOException.class);
      assertThatThrownBy(() -> child.stdin().write(1)).isInstanceOf(IOException.class);
      assertThatThrownBy(() -> sandbox.fs().readLink("/x"))
          .isInstanceOf(SandboxClosedException.class);
      assertThatThrownBy(() -> child.statusFuture().get())
          .isInstanceOf(ExecutionException.class)
          .hasCauseInstanceOf(SandboxClosedException.class);
    }
  }

  @Test
  void connectionThatIsCutEndsEverything() throws Exception {
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      Peer peer = server.peer();
      FutureTask<String> call = run(() -> sandbox.fs().readLink("/x"));
      peer.next("readLink");
      peer.cut();
      assertThatThrownBy(() -> call.get(10, TimeUnit.SECONDS))
          .hasCauseInstanceOf(SandboxClosedException.class);
      assertThat(sandbox.awaitEnd()).contains("1006");
    }
  }

  @Test
  void interruptEndsTheWaitAndAbortsInTheSandbox() throws Exception {
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      Peer peer = server.peer();
      AtomicReference<String> seen = new AtomicReference<>("");
      Thread waiting =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      sandbox.fetch(FetchRequest.to("http://slow.example").build());
                    } catch (BelljarException e) {
                      seen.set(e.getMessage() + " " + Thread.currentThread().isInterrupted());
                    }
                  });
      JsonNode fetch = peer.next("fetch");
      waiting.interrupt();
      assertThat(peer.next("abort").path("params").path("abortId"))
          .isEqualTo(fetch.path("params").path("abortId"));
      waiting.join(10_000);
      assertThat(seen.get()).contains("Interrupted").endsWith("true");
    }
  }

  @Test
  void processThatStartsAfterAnInterruptIsKilled() throws Exception {
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      Peer peer = server.peer();
      Thread waiting =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      sandbox.spawn("sleep", "1");
                    } catch (BelljarException e) {
                      // As it should.
                    }
                  });
      JsonNode spawn = peer.next("spawn");
      waiting.interrupt();
      waiting.join(10_000);
      peer.ok(spawn, Map.of("pid", 77, "stdoutStreamId", 1, "stderrStreamId", 2));
      assertThat(peer.next("processKill").path("params").path("pid").asInt()).isEqualTo(77);
    }
  }

  @Test
  void closingSaysGoodByeAndEndsCalls() throws Exception {
    Sandbox sandbox = Sandbox.create(options().build());
    Peer peer = server.peer();
    FutureTask<String> call = run(() -> sandbox.fs().readLink("/x"));
    peer.next("readLink");
    sandbox.close();
    sandbox.close();
    assertThat(peer.closes.poll(10, TimeUnit.SECONDS)).isEqualTo(1000);
    assertThatThrownBy(() -> call.get(10, TimeUnit.SECONDS))
        .hasCauseInstanceOf(SandboxClosedException.class);
    assertThatThrownBy(() -> sandbox.env().get("A"))
        .isInstanceOf(SandboxClosedException.class)
        .hasMessageContaining("it was closed");
    assertThat(sandbox.awaitEnd()).isEqualTo("it was closed");
  }

  @Test
  void threadsEndWithTheSandbox() {
    long before = clientThreads();
    for (int i = 0; i < 5; i++) {
      Sandbox.create(options().build()).close();
    }
    await().atMost(Duration.ofSeconds(20)).until(() -> clientThreads() <= before);
  }

  @Test
  void slowReaderStopsReceivingUntilSomebodyWaits() throws Exception {
    server.script(RemoteSandboxTest::runningProcess);
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      Peer peer = server.peer();
      var child = spawned(sandbox, peer, 7);
      byte[] part = new byte[256 << 10];
      int parts = 200;
      FutureTask<Object> sending =
          run(
              () -> {
                peer.start(7);
                for (int i = 0; i < parts; i++) {
                  peer.enqueue(7, part);
                }
                peer.end(7);
                return "";
              });
      // 8 MiB here and what the kernel's buffers take: of 50 MiB most stays on the other side.
      Thread.sleep(1500);
      assertThat(child.stdout().available()).isBetween(8 << 20, 9 << 20);
      assertThat(sending.isDone()).isFalse();
      FutureTask<String> call = run(() -> sandbox.fs().readLink("/x"));
      peer.ok(peer.next("readLink"), "past the slow one");
      assertThat(call.get(10, TimeUnit.SECONDS)).isEqualTo("past the slow one");
      assertThat(child.stdout().readAllBytes()).hasSize(parts * part.length);
      sending.get(10, TimeUnit.SECONDS);
    }
  }

  @Test
  void extensionAsksAndKillDeletes() throws Exception {
    long granted = Instant.now().plusSeconds(600).toEpochMilli();
    server.http(
        request ->
            switch (request.method()) {
              case "PATCH" -> Answer.of(200, "{\"stop_at_ms\":" + granted + "}");
              case "DELETE" -> Answer.of(200, "");
              default -> Answer.of(404, "{}");
            });
    try (Sandbox sandbox = Sandbox.create(options().timeout(Duration.ofMinutes(1)).build())) {
      Peer peer = server.peer();
      assertThat(sandbox.extendTimeout(Duration.ofMinutes(10)))
          .isEqualTo(Instant.ofEpochMilli(granted));
      assertThat(sandbox.stopAt()).isEqualTo(Instant.ofEpochMilli(granted));
      FutureTask<Object> kill =
          run(
              () -> {
                sandbox.kill();
                return "";
              });
      await().until(() -> server.requests.stream().anyMatch(r -> r.method().equals("DELETE")));
      peer.close(1000, "killed");
      kill.get(10, TimeUnit.SECONDS);
      sandbox.kill();
    }
  }

  @Test
  void belljarsServerDescribesTheSandbox() {
    server
        .belljar()
        .http(
            request ->
                request.method().equals("GET") && request.headers().get("upgrade") == null
                    ? Answer.of(
                        200,
                        """
                        {"isolation":{"engine":"QEMU 7","accelerator":"kvm","hardware":true,"jail":"j","image":"i"},
                         "stop_at_ms":null,"labels":{"a":"b"},
                         "egress":[{"time":"2026-01-01T00:00:00Z","host":"x.example","port":443,"verdict":"denied",
                           "reason":"policy","bytes_out":1,"bytes_in":2,"duration_ms":3}],
                         "egress_totals":{"connections":{"allowed":4,"denied":5,"later":6},
                           "limits":{"per_second":7},"open":8,"bytes_out":9,"bytes_in":10}}
                        """)
                    : Answer.of(404, "{}"));
    try (Sandbox sandbox = Sandbox.connect(ScriptedServer.ID, server.endpoint())) {
      assertThat(sandbox.isolation().hardware()).isTrue();
      assertThat(sandbox.labels()).containsEntry("a", "b");
      assertThat(sandbox.stopAt()).isEqualTo(Instant.MAX);
      assertThat(sandbox.egress())
          .singleElement()
          .satisfies(e -> assertThat(e.port()).isEqualTo(443));
      assertThat(sandbox.egressTotals())
          .isEqualTo(
              new EgressTotals(
                  Map.of(EgressRecord.Verdict.ALLOWED, 4L, EgressRecord.Verdict.DENIED, 5L),
                  Map.of(EgressTotals.Limit.PER_SECOND, 7L),
                  8,
                  9,
                  10));
    }
  }

  @Test
  void dialledPortIsAStreamEachWay() throws Exception {
    server.belljar();
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      Peer peer = server.peer();
      FutureTask<String> talk =
          run(
              () -> {
                try (var connection = sandbox.dial(80)) {
                  connection.output().write("ask".getBytes(StandardCharsets.UTF_8));
                  connection.output().close();
                  return new String(connection.input().readAllBytes(), StandardCharsets.UTF_8);
                }
              });
      JsonNode dial = peer.next("dial");
      peer.ok(dial, Map.of("streamId", 9));
      JsonNode sent = peer.next("$sandbox.stream.enqueue");
      assertThat(sent.path("params").path("streamId"))
          .isEqualTo(dial.path("params").path("streamId"));
      peer.next("$sandbox.stream.end");
      peer.start(9);
      peer.enqueue(9, "answer".getBytes(StandardCharsets.UTF_8));
      peer.end(9);
      assertThat(talk.get(10, TimeUnit.SECONDS)).isEqualTo("answer");
    }
  }

  @Test
  void watchedProgramTellsOfRestarts() throws Exception {
    server.script(RemoteSandboxTest::runningProcess);
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      Peer peer = server.peer();
      FutureTask<dev.belljar.DenoProcess> run = run(() -> sandbox.deno().run("1"));
      peer.ok(
          peer.next("spawnDeno"),
          Map.of("pid", 5, "stdoutStreamId", 7, "stderrStreamId", 8, "watcherId", "w1"));
      java.util.concurrent.CountDownLatch restarted = new java.util.concurrent.CountDownLatch(1);
      run.get(10, TimeUnit.SECONDS).onRestart(restarted::countDown);
      peer.send(
          "{\"jsonrpc\":\"2.0\",\"method\":\"$sandbox.deno.watcher.restart\",\"params\":{\"watcherId\":\"w1\"}}");
      assertThat(restarted.await(10, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void messagesOfErrorsAreShortAndWithoutTheToken() throws Exception {
    try (Sandbox sandbox = Sandbox.create(options().build())) {
      Peer peer = server.peer();
      FutureTask<String> call = run(() -> sandbox.fs().readLink("/x"));
      peer.error(peer.next("readLink"), "Error", ScriptedServer.TOKEN + "x".repeat(1 << 20), "");
      assertThatThrownBy(() -> call.get(10, TimeUnit.SECONDS))
          .satisfies(RemoteSandboxTest::saysNoToken)
          .cause()
          .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(20_000));
    }
  }

  private SandboxOptions.Builder options() {
    return SandboxOptions.builder().endpoint(server.endpoint());
  }

  private static String entry(String id, String stoppedAt) {
    return "{\"id\":\"%s\",\"createdAt\":\"2026-01-01T00:00:00.000Z\",\"stoppedAt\":%s,\"region\":\"loc\",\"status\":\"running\",\"labels\":{\"team\":\"a b\"}}"
        .formatted(id, stoppedAt);
  }

  private static JsonNode stat(long size) {
    var stat = Json.object().put("size", size).put("dev", 1);
    stat.put("isFile", true).put("isDirectory", false).put("isSymlink", false);
    return stat;
  }

  /** Its process has no end. */
  private static @org.jspecify.annotations.Nullable JsonNode runningProcess(
      Peer peer, String method, JsonNode params) {
    return null;
  }

  private static @org.jspecify.annotations.Nullable JsonNode endedProcess(
      Peer peer, String method, JsonNode params) {
    return method.equals("processWait") ? Json.of(Map.of("success", true, "code", 0)) : null;
  }

  private static dev.belljar.ChildProcess spawned(Sandbox sandbox, Peer peer, long stdout)
      throws Exception {
    FutureTask<dev.belljar.ChildProcess> child =
        run(() -> sandbox.spawn("cat", SpawnOptions.builder().stdin(Stdio.PIPED).piped().build()));
    peer.ok(
        peer.next("spawn"),
        Map.of("pid", 5, "stdoutStreamId", stdout, "stderrStreamId", stdout + 1));
    return child.get(10, TimeUnit.SECONDS);
  }

  private static <T> FutureTask<T> run(Callable<T> action) {
    FutureTask<T> task = new FutureTask<>(action);
    Thread.ofVirtual().start(task);
    return task;
  }

  private static long clientThreads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("HttpClient-"))
        .count();
  }

  private static void saysNoToken(Throwable failure) {
    for (Throwable e = failure; e != null; e = e.getCause()) {
      assertThat(String.valueOf(e.getMessage())).doesNotContain(ScriptedServer.TOKEN);
    }
  }
}
