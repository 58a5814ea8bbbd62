package dev.belljar.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import dev.belljar.ChildProcessOutput;
import dev.belljar.DenoProcess;
import dev.belljar.DenoRunOptions;
import dev.belljar.DenoRunOptions.Entrypoint;
import dev.belljar.DenoRunOptions.Extension;
import dev.belljar.DirEntry;
import dev.belljar.FetchException;
import dev.belljar.FetchRequest;
import dev.belljar.FetchResponse;
import dev.belljar.NotFoundException;
import dev.belljar.Sandbox;
import dev.belljar.Signal;
import dev.belljar.SpawnOptions;
import dev.belljar.SpawnOptions.Stdio;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Timeout(120)
class DenoIT {
  private static Sandbox sandbox;

  @BeforeAll
  static void create() {
    sandbox = Sandbox.create();
    sandbox.fs().writeTextFile("seven.ts", "export const seven: number = 7;");
  }

  @AfterAll
  static void close() {
    sandbox.close();
  }

  @Test
  void codeIsAModuleOfTheWorkingDirectoryWithArgumentsAndAllPermissions() {
    ChildProcessOutput output =
        run(
            """
            import { seven } from "./seven.ts";
            const twice: number = await Promise.resolve(2 * seven);
            Deno.writeTextFileSync("/tmp/written", "x");
            console.log(twice, import.meta.main, Deno.args.join());
            """,
            "a",
            "--b");
    assertThat(output.stdoutText()).isEqualTo("14 true a,--b\n");
    assertThat(output.status().success()).isTrue();
  }

  @Test
  void codeLeavesNothingInTheWorkingDirectory() {
    run("import 'node:fs'; console.log(1)");
    run("console.log(1);" + "// long\n".repeat(20_000));
    await()
        .atMost(Duration.ofSeconds(10))
        .untilAsserted(() -> assertThat(names("/home/app")).noneMatch(DenoIT::isUnexpected));
  }

  private static boolean isUnexpected(String name) {
    return name.startsWith(".belljar") || name.equals("deno.lock") || name.equals("node_modules");
  }

  private static List<String> names(String directory) {
    try (Stream<DirEntry> entries = sandbox.fs().readDir(directory)) {
      return entries.map(DirEntry::name).toList();
    }
  }

  @Test
  void codeThatNoArgumentCanHoldRunsAlike() {
    String text =
        "import { seven } from './seven.ts'; const pad = '"
            + "x".repeat(300_000)
            + "\0'; console.log(seven, pad.length, import.meta.main, Deno.args[0])";
    assertThat(run(text, "arg").stdoutText()).isEqualTo("7 300001 true arg\n");
  }

  @Test
  void codeMayBeginWithADashOrBeEmpty() {
    assertThat(run("-1; console.log('dash')").stdoutText()).isEqualTo("dash\n");
    assertThat(run("").status().success()).isTrue();
  }

  @ParameterizedTest
  @EnumSource
  void everyLanguageRuns(Extension extension) {
    String code =
        switch (extension) {
          case TS, MTS, CTS -> "const text: string = 'ran'; console.log(text)";
          case TSX -> "const f = (h: string) => h; console.log(f('ran'))";
          default -> "console.log('ran')";
        };
    ChildProcessOutput output = sandbox.deno().run(DenoRunOptions.code(code, extension)).output();
    assertThat(output.stdoutText()).as(output.stderrText()).isEqualTo("ran\n");
  }

  @Test
  void failuresAreTheProgramsOwn() {
    assertThat(run("Deno.exit(7)").status().code()).isEqualTo(7);
    assertThat(run("throw new Error('thrown')"))
        .satisfies(output -> assertThat(output.status().code()).isEqualTo(1))
        .satisfies(output -> assertThat(output.stderrText()).contains("Error: thrown"));
    assertThat(run("let x: = 5").stderrText()).contains("SyntaxError");
    assertThat(sandbox.deno().run(DenoRunOptions.entrypoint("missing.ts")).output().stderrText())
        .contains("missing.ts");
    assertThatExceptionOfType(NotFoundException.class)
        .isThrownBy(
            () ->
                sandbox
                    .deno()
                    .run(
                        DenoRunOptions.code("1")
                            .in(SpawnOptions.builder().cwd("/nowhere").build())));
  }

  @Test
  void anEntrypointIsAFileEvenWhereATaskHasItsName() {
    sandbox.fs().mkdirs("project");
    sandbox.fs().writeTextFile("project/deno.json", "{\"tasks\":{\"start\":\"echo task\"}}");
    sandbox.fs().writeTextFile("project/start", "console.log('file', Deno.args[0])");
    SpawnOptions there = SpawnOptions.builder().cwd("project").args("-x").piped().build();
    ChildProcessOutput output =
        sandbox.deno().run(DenoRunOptions.entrypoint("start").in(there)).output();
    assertThat(output.stdoutText()).as(output.stderrText()).isEqualTo("file -x\n");
  }

  @Test
  void streamsAreTheUsers() throws IOException {
    SpawnOptions piped = SpawnOptions.builder().stdin(Stdio.PIPED).piped().build();
    String echo = "Deno.stdin.readable.pipeTo(Deno.stdout.writable)";
    try (DenoProcess process = sandbox.deno().run(DenoRunOptions.code(echo).in(piped))) {
      process.stdin().write("through".getBytes(UTF_8));
      process.stdin().close();
      assertThat(process.output().stdoutText()).isEqualTo("through");
    }
    SpawnOptions none = SpawnOptions.builder().stdout(Stdio.NULL).stderr(Stdio.NULL).build();
    DenoProcess silent = sandbox.deno().run(DenoRunOptions.code("console.log(1)").in(none));
    assertThatExceptionOfType(IllegalStateException.class).isThrownBy(silent::stdout);
    assertThat(silent.status().success()).isTrue();
  }

  @Test
  void restartsOfAWatchedProgramAreHeardWhereverItsErrorsGo() {
    for (Stdio stderr : new Stdio[] {Stdio.NULL, Stdio.INHERIT}) {
      sandbox.fs().mkdirs("watched");
      sandbox.fs().writeTextFile("watched/main.ts", "console.log('first')");
      sandbox.fs().writeTextFile("watched/a,b.txt", "");
      SpawnOptions options =
          SpawnOptions.builder().cwd("watched").stdout(Stdio.PIPED).stderr(stderr).build();
      AtomicInteger restarts = new AtomicInteger();
      try (DenoProcess process =
          sandbox
              .deno()
              .run(
                  new DenoRunOptions(
                      new Entrypoint("main.ts", true, List.of("a,b.txt")), options))) {
        process.onRestart(restarts::incrementAndGet);
        assertThat(line(process)).isEqualTo("first");
        FutureTask<String> second = new FutureTask<>(() -> line(process));
        Thread.ofVirtual().start(second);
        changeUntil("watched/main.ts", "console.log('second')", second::isDone);
        assertThat(second.resultNow()).isEqualTo("second");
        await().until(() -> restarts.get() >= 1);
        int before = restarts.get();
        changeUntil("watched/a,b.txt", "changed", () -> restarts.get() > before);
      }
    }
  }

  /** Once would not do: a program has said its first words before Deno watches its files. */
  private static void changeUntil(String path, String text, Callable<Boolean> noticed) {
    await()
        .atMost(Duration.ofSeconds(50))
        .pollInterval(Duration.ofSeconds(1))
        .until(
            () -> {
              sandbox.fs().writeTextFile(path, text);
              return noticed.call();
            });
  }

  @Test
  void restartsAreHeardAmongErrorsThatTheUserReads() throws IOException {
    sandbox.fs().writeTextFile("said.ts", "console.error('said')");
    AtomicInteger restarts = new AtomicInteger();
    SpawnOptions piped = SpawnOptions.builder().piped().build();
    try (DenoProcess process =
        sandbox.deno().run(new DenoRunOptions(new Entrypoint("said.ts", true, List.of()), piped))) {
      process.onRestart(restarts::incrementAndGet);
      String text = "";
      boolean changed = false;
      byte[] buffer = new byte[1024];
      while (!text.contains("said again")) {
        text += new String(buffer, 0, process.stderr().read(buffer), UTF_8);
        if (!changed && text.contains("said\n") && text.contains("finished")) {
          changed = true;
          sandbox.fs().writeTextFile("said.ts", "console.error('said again')");
        }
      }
      await().until(() -> restarts.get() >= 1);
      assertThat(text).contains("Watcher");
    }
  }

  @Test
  void restartsAreHeardThoughNobodyReadsTheErrors() throws IOException {
    sandbox.fs().writeTextFile("unread.ts", "console.error('one')");
    AtomicInteger restarts = new AtomicInteger();
    SpawnOptions piped = SpawnOptions.builder().piped().build();
    DenoProcess process =
        sandbox.deno().run(new DenoRunOptions(new Entrypoint("unread.ts", true, List.of()), piped));
    try (process) {
      process.onRestart(restarts::incrementAndGet);
      await()
          .atMost(Duration.ofSeconds(30))
          .pollInterval(Duration.ofSeconds(1))
          .until(
              () -> {
                sandbox.fs().writeTextFile("unread.ts", "console.error('another')");
                return restarts.get() >= 1;
              });
      process.kill();
      assertThat(new String(process.stderr().readAllBytes(), UTF_8))
          .contains("Process started", "Restarting!");
    }
  }

  private static String line(DenoProcess process) {
    StringBuilder line = new StringBuilder();
    try {
      int next;
      while ((next = process.stdout().read()) != '\n' && next >= 0) {
        line.append((char) next);
      }
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
    return line.toString();
  }

  @Test
  void aServerIsReadyWhenItListens() {
    serves("Deno.serve({ port: 0 }, (r) => new Response(r.method + ' ' + r.url))");
    serves(
        "Deno.serve({ port: 0, hostname: '127.0.0.1' }, (r) => new Response(r.method + ' ' + r.url))");
    serves("Deno.serve({ port: 0, hostname: '::1' }, (r) => new Response(r.method + ' ' + r.url))");
    serves(
        """
        import http from "node:http";
        http.createServer((q, a) => a.end(q.method + " http://" + q.headers.host + q.url)).listen(0);
        """);
  }

  private static void serves(String code) {
    try (DenoProcess process = sandbox.deno().run(code)) {
      assertThat(process.httpReady()).as(code).isTrue();
      FetchRequest request = FetchRequest.to("https://example.com/a b|{}?c=d|%zz").build();
      try (FetchResponse response = process.fetch(request)) {
        assertThat(response.status()).isEqualTo(200);
        assertThat(response.text()).isEqualTo("GET http://example.com/a%20b%7C%7B%7D?c=d%7C%25zz");
      }
    }
  }

  @Test
  void aServerThatTheProgramStartedCounts() {
    String code =
        "await new Deno.Command('python3', { args: ['-m', 'http.server', '8123', '-d', '/tmp'] })"
            + ".spawn().status";
    sandbox.fs().writeTextFile("/tmp/page.txt", "page");
    try (DenoProcess process = sandbox.deno().run(code)) {
      assertThat(process.httpReady()).isTrue();
      assertThat(process.fetch(FetchRequest.to("http://any/page.txt").build()).text())
          .isEqualTo("page");
    }
  }

  @Test
  void aServerOfRootIsFoundAsWell() {
    SpawnOptions root = SpawnOptions.builder().user("root").piped().build();
    String code = "Deno.serve({ port: 81 }, () => new Response('root'))";
    try (DenoProcess process = sandbox.deno().run(DenoRunOptions.code(code).in(root))) {
      assertThat(process.httpReady()).isTrue();
      assertThat(process.fetch(FetchRequest.to("http://any/").build()).text()).isEqualTo("root");
    }
  }

  @Test
  void whatEndsWithoutListeningIsNeverReady() {
    DenoProcess process = sandbox.deno().run("await new Promise((r) => setTimeout(r, 300))");
    assertThat(process.httpReady()).isFalse();
    assertThatExceptionOfType(FetchException.class)
        .isThrownBy(() -> process.fetch(FetchRequest.to("http://any/").build()))
        .withMessageContaining("ended");
  }

  @Test
  void whatDoesNotListenYetCannotBeFetchedFrom() {
    try (DenoProcess process = sandbox.deno().run("await new Promise((r) => setTimeout(r, 9e4))")) {
      assertThatExceptionOfType(FetchException.class)
          .isThrownBy(() -> process.fetch(FetchRequest.to("http://any/").build()))
          .withMessageContaining("httpReady");
      process.kill(Signal.SIGKILL);
      assertThat(process.httpReady()).isFalse();
    }
  }

  private static ChildProcessOutput run(String code, String... args) {
    SpawnOptions options = SpawnOptions.builder().args(args).piped().build();
    return sandbox.deno().run(DenoRunOptions.code(code).in(options)).output();
  }
}
