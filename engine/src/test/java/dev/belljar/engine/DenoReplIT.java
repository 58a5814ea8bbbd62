package dev.belljar.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.belljar.BelljarException;
import dev.belljar.DenoRepl;
import dev.belljar.FetchException;
import dev.belljar.FetchRequest;
import dev.belljar.InvalidOptionException;
import dev.belljar.ProcessEndedException;
import dev.belljar.Sandbox;
import dev.belljar.SandboxClosedException;
import dev.belljar.ScriptError;
import dev.belljar.ScriptException;
import dev.belljar.SpawnOptions;
import dev.belljar.SpawnOptions.Stdio;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.FutureTask;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class DenoReplIT {
  private static Sandbox sandbox;
  private static DenoRepl repl;

  @BeforeAll
  static void create() {
    sandbox = Sandbox.create();
    sandbox.fs().writeTextFile("seven.ts", "export const seven: number = 7; export default 'd';");
    repl = sandbox.deno().repl();
  }

  @AfterAll
  static void close() {
    repl.close();
    sandbox.close();
  }

  @Test
  void stateLastsAndNamesMayBeSaidAnew() {
    repl.eval("let a = 1; const b = 2; function add(x, y) { return x + y }");
    assertThat(repl.eval("add(a, b)")).isEqualTo(3L);
    repl.eval("let a: number = 40; const b = 2");
    assertThat(repl.eval("add(a, b)")).isEqualTo(42L);
  }

  @Test
  void awaitMayStandAnywhereAndAPromiseIsAwaited() {
    assertThat(repl.eval("const later = await Promise.resolve('x'); later + 1")).isEqualTo("x1");
    assertThat(repl.eval("Promise.resolve(5)")).isEqualTo(5L);
  }

  @Test
  void typeScriptIsUnderstood() {
    assertThat(repl.eval("enum E { A, B }; E.B")).isEqualTo(1L);
    assertThat(repl.eval("interface I { a: number }; type T = I; ({ a: 1 } satisfies T)"))
        .isEqualTo(Map.of("a", 1L));
    assertThat(repl.eval("function id<T>(v: T): T { return v }; id<number>(5)")).isEqualTo(5L);
    assertThat(repl.eval("class P { constructor(private x: number) {} }; new P(3)"))
        .isEqualTo(Map.of("x", 3L));
  }

  @Test
  void importsAreRelativeToTheWorkingDirectory() {
    assertThat(repl.eval("import { seven as s } from './seven.ts'; s")).isEqualTo(7L);
    assertThat(repl.eval("import given, * as all from \"./seven.ts\"; [given, all.seven]"))
        .isEqualTo(List.of("d", 7L));
    assertThat(repl.eval("(await import('./seven.ts')).seven")).isEqualTo(7L);
    assertThat(repl.eval("import { join } from 'node:path'; join('a', 'b')")).isEqualTo("a/b");
    assertThat(repl.eval("import type { x } from './nowhere.ts'; 1")).isEqualTo(1L);
    assertThat(repl.eval("\"import { x } from 'y'\"")).isEqualTo("import { x } from 'y'");
  }

  @Test
  void valuesArePlainData() {
    assertThat(repl.eval("undefined")).isNull();
    assertThat(repl.eval("() => 1")).isNull();
    assertThat(repl.eval("[NaN, Infinity, -0, 1.5, 2 ** 53, 1e300, 12n]"))
        .isEqualTo(Arrays.asList(null, null, 0L, 1.5, 1L << 53, 1e300, "12"));
    assertThat(repl.eval("new Date(0)")).isEqualTo("1970-01-01T00:00:00.000Z");
    assertThat(repl.eval("new Map([[1, { x: new Set(['y']) }]])"))
        .isEqualTo(List.of(List.of(1L, Map.of("x", List.of("y")))));
    assertThat(repl.eval("new Uint8Array([1, 255])")).isEqualTo(List.of(1L, 255L));
    assertThat(repl.eval("class C { x = 1; #y = 2; get z() { return 3 } }; new C()"))
        .isEqualTo(Map.of("x", 1L));
    assertThat(repl.eval("{ a: 1 }")).isEqualTo(Map.of("a", 1L));
    assertThat(repl.eval("'ü🫙' + String.fromCharCode(0xd800)")).isEqualTo("ü🫙\ud800");
    assertThat(repl.eval("({ ['__proto__']: 1 })")).isEqualTo(Map.of("__proto__", 1L));
    assertThat(repl.eval("const same = {}; [same, same]")).isEqualTo(List.of(Map.of(), Map.of()));
    assertThat(repl.eval("new RangeError('r')"))
        .asInstanceOf(InstanceOfAssertFactories.map(String.class, Object.class))
        .containsEntry("name", "RangeError")
        .containsEntry("message", "r")
        .hasEntrySatisfying(
            "stack", stack -> assertThat(stack).asString().startsWith("RangeError: r\n"));
    assertThat(repl.eval("")).isNull();
  }

  @Test
  void whatIsThrownSaysWhatItIs() {
    assertThat(thrownBy("class Bad extends TypeError { name = 'Named' }; throw new Bad('m')"))
        .satisfies(e -> assertThat(e.constructorName()).isEqualTo("Bad"))
        .satisfies(e -> assertThat(e.errorName()).isEqualTo("Named"))
        .satisfies(e -> assertThat(e.scriptStack().orElseThrow()).contains("<anonymous>:1:"))
        .hasMessage("m");
    assertThat(thrownBy("throw 5")).hasMessage("Uncaught 5");
    assertThat(thrownBy("throw { a: 1 }")).hasMessage("Uncaught { a: 1 }");
    assertThat(thrownBy("await Promise.reject(new RangeError('r'))").constructorName())
        .isEqualTo("RangeError");
    assertThat(thrownBy("1 +").constructorName()).isEqualTo("SyntaxError");
    assertThat(thrownBy("nowhere").errorName()).isEqualTo("ReferenceError");
    assertThat(thrownBy("const o = {}; o.o = o; o").constructorName()).isEqualTo("TypeError");
    assertThat(thrownBy("let d = {}; for (let i = 0; i < 1000; i++) d = { d }; d"))
        .hasMessageContaining("500");
  }

  @Test
  void whatIsThrownCarriesOtherErrorsWithinBounds() {
    ScriptError many =
        thrownBy("throw new AggregateError(Array.from({ length: 999 }, () => new Error('e')))")
            .error();
    assertThat(many.constructorName()).isEqualTo("AggregateError");
    assertThat(many.errors()).hasSize(63);
    int depth = 1;
    ScriptError deep =
        thrownBy("let c; for (let i = 0; i < 99; i++) c = new Error(i, { cause: c }); throw c")
            .error();
    for (; deep.cause().isPresent(); depth++) {
      deep = deep.cause().get();
    }
    assertThat(depth).isEqualTo(8);
    assertThat(thrownBy("const s = new Error('s'); s.cause = s; throw s").error().cause())
        .isEmpty();
    assertThat(thrownBy("throw new Error('x'.repeat(30_000_000))").getMessage())
        .hasSizeBetween(1_000_000, 1 << 20);
    assertThat(
            thrownBy("throw Object.defineProperty(new Error('m'), 'cause', { get() { throw 1 } })")
                .getMessage())
        .isEqualTo("m");
  }

  @Test
  void codeThatFailsToParseAfterItRanIsNotRunAgain() {
    repl.eval("globalThis.runs = 0");
    assertThat(thrownBy("runs++; new Function('import x from 1')()").constructorName())
        .isEqualTo("SyntaxError");
    assertThat(repl.eval("runs")).isEqualTo(1L);
  }

  @Test
  void functionsAreCalledWithPlainData() {
    repl.eval("async function yOf(x) { return x.y }");
    assertThat(repl.call("yOf", List.of(Map.of("y", List.of(1, "two")))))
        .isEqualTo(List.of(1L, "two"));
    assertThat(repl.call("(a: number, b: number) => a * b", List.of(6, 7))).isEqualTo(42L);
    assertThatExceptionOfType(ScriptException.class)
        .isThrownBy(() -> repl.call("5", List.of()))
        .withMessageContaining("not a function");
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> repl.call("yOf", List.of(new Object())));
    assertThat(repl.eval("1")).isEqualTo(1L);
  }

  @Test
  void argumentsEnvironmentDirectoryAndStreamsAreAsAsked() throws IOException {
    SpawnOptions options =
        SpawnOptions.builder()
            .args("one", "--two")
            .env("WORD", "w")
            .cwd("/tmp")
            .stdin(Stdio.PIPED)
            .piped()
            .build();
    try (DenoRepl own = sandbox.deno().repl(options)) {
      assertThat(own.eval("[Deno.args, Deno.env.get('WORD'), Deno.cwd()]"))
          .isEqualTo(List.of(List.of("one", "--two"), "w", "/tmp"));
      own.eval("console.log('out'); console.error('err')");
      assertThat(own.stdout().readNBytes(4)).asString(UTF_8).isEqualTo("out\n");
      assertThat(own.stderr().readNBytes(4)).asString(UTF_8).isEqualTo("err\n");
      own.stdin().write("in".getBytes(UTF_8));
      assertThat(own.eval("const b = new Uint8Array(2); Deno.stdin.readSync(b); b"))
          .isEqualTo(List.of((long) 'i', (long) 'n'));
      own.close();
      assertThat(own.status().code()).isZero();
      assertThatExceptionOfType(ProcessEndedException.class).isThrownBy(() -> own.eval("1"));
    }
  }

  @Test
  void outputMayGoNowhere() {
    SpawnOptions none = SpawnOptions.builder().stdout(Stdio.NULL).stderr(Stdio.NULL).build();
    try (DenoRepl own = sandbox.deno().repl(none)) {
      assertThat(own.eval("console.log('x'.repeat(1 << 20)); 1")).isEqualTo(1L);
      assertThatExceptionOfType(IllegalStateException.class).isThrownBy(own::stdout);
    }
  }

  @Test
  void anEvaluatorListensOnlyWhenItsCodeDoes() {
    try (DenoRepl own = sandbox.deno().repl()) {
      assertThatExceptionOfType(FetchException.class)
          .isThrownBy(() -> own.fetch(FetchRequest.to("http://any/").build()));
      own.eval("const server = Deno.serve({ port: 0 }, () => new Response('repl')); 1");
      assertThat(own.httpReady()).isTrue();
      assertThat(own.fetch(FetchRequest.to("http://any/").build()).text()).isEqualTo("repl");
    }
  }

  @Test
  void whatFailsInTheBackgroundIsPrintedAndEndsNothing() throws IOException {
    try (DenoRepl own = sandbox.deno().repl()) {
      own.eval(
          "Promise.reject(new Error('nobody')); setTimeout(() => { throw new Error('timer') })");
      own.eval("await new Promise((r) => setTimeout(r, 100))");
      assertThat(own.eval("1 + 1")).isEqualTo(2L);
      String errors = new String(own.stderr().readNBytes(40), UTF_8);
      assertThat(errors).startsWith("Uncaught (in promise) Error: nobody");
    }
  }

  @Test
  void anEvaluatorThatItsCodeEndedSaysSo() {
    try (DenoRepl own = sandbox.deno().repl()) {
      assertThatExceptionOfType(ProcessEndedException.class)
          .isThrownBy(() -> own.eval("Deno.exit(7)"))
          .withMessageContaining("exit code 7");
      assertThatExceptionOfType(ProcessEndedException.class).isThrownBy(() -> own.eval("1"));
    }
  }

  @Test
  void aBusyEvaluatorCanBeGivenUpAndIsEndedAtOnce() throws InterruptedException {
    DenoRepl own = sandbox.deno().repl();
    FutureTask<Object> endless =
        new FutureTask<>(
            () -> {
              try {
                return own.eval("while (true);");
              } catch (BelljarException e) {
                return e;
              }
            });
    Thread thread = Thread.ofVirtual().start(endless);
    thread.join(Duration.ofMillis(500));
    thread.interrupt();
    assertThat(thread.join(Duration.ofSeconds(5))).isTrue();
    assertThat(endless.resultNow()).asString().contains("Interrupted");
    own.close();
    assertThat(own.status().success()).isFalse();
  }

  @Test
  void anAnswerThatWasGivenUpIsNotTakenForTheNext() throws InterruptedException {
    try (DenoRepl own = sandbox.deno().repl()) {
      Thread thread =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      own.eval("await new Promise((r) => setTimeout(r, 500)); 'old'");
                    } catch (BelljarException e) {
                      // Given up.
                    }
                  });
      thread.join(Duration.ofMillis(100));
      thread.interrupt();
      thread.join();
      assertThat(own.eval("'new'")).isEqualTo("new");
    }
  }

  @Test
  void whatNeverComesIsAwaitedUntilItIsGivenUpAndOtherCodeGoesOn() throws InterruptedException {
    DenoRepl own = sandbox.deno().repl();
    for (String code : List.of("await new Promise(() => {})", "new Promise(() => {})")) {
      Thread thread = evaluating(own, code);
      assertThat(thread.join(Duration.ofSeconds(1))).as("ended early").isFalse();
      thread.interrupt();
      assertThat(thread.join(Duration.ofSeconds(5))).isTrue();
      assertThat(own.eval("6 + 1")).isEqualTo(7L);
    }
    // Garbage is collected, and what is awaited for ever must not be.
    own.eval("for (let i = 0; i < 100; i++) globalThis.g = new Array(1e5).fill(0).map((x) => [x])");
    assertThat(own.eval("8")).isEqualTo(8L);
    Thread last = evaluating(own, "await new Promise(() => {})");
    assertThat(last.join(Duration.ofMillis(300))).isFalse();
    own.close();
    assertThat(last.join(Duration.ofSeconds(5))).isTrue();
  }

  private static Thread evaluating(DenoRepl repl, String code) {
    return Thread.ofVirtual()
        .start(
            () -> {
              try {
                repl.eval(code);
              } catch (BelljarException e) {
                // Given up, or ended.
              }
            });
  }

  @Test
  void codeThatChangesBuiltInsChangesNoAnswers() {
    try (DenoRepl own = sandbox.deno().repl()) {
      assertThat(own.eval("Object.prototype.toJSON = function () { return 'h' }; 7")).isEqualTo(7L);
      assertThat(own.eval("8")).isEqualTo(8L);
      assertThat(own.call("(x) => x", List.of("y"))).isEqualTo("y");
      own.eval("delete Object.prototype.toJSON; Array.prototype.toJSON = () => 'h'");
      assertThat(own.eval("({ a: [1] })")).isEqualTo(Map.of("a", List.of(1L)));
      own.eval("delete Array.prototype.toJSON; Object.keys = Array.from = Array.isArray = null");
      assertThat(own.eval("({ a: [new Set([1])] })")).isEqualTo(Map.of("a", List.of(List.of(1L))));
      own.eval("delete Array.prototype.push; delete TextEncoder.prototype.encode");
      own.eval("Promise = JSON = undefined");
      own.eval("Object = Array = Map = Error = Number = String = Uint8Array = undefined");
      assertThat(own.eval("({ a: [1] })")).isEqualTo(Map.of("a", List.of(1L)));
      assertThat(own.eval("await (async () => 'x')()")).isEqualTo("x");
      assertThatExceptionOfType(ScriptException.class)
          .isThrownBy(() -> own.eval("throw new TypeError('t')"))
          .withMessage("t");
    }
  }

  @Test
  void anIdleEvaluatorTakesNoProcessor() throws InterruptedException {
    String stat = "/proc/" + repl.pid() + "/stat";
    repl.eval("1");
    long before = ticks(stat);
    Thread.sleep(1000);
    assertThat(ticks(stat) - before).isLessThanOrEqualTo(3);
  }

  private static long ticks(String stat) {
    String[] fields = sandbox.fs().readTextFile(stat).split(" ", -1);
    return Long.parseLong(fields[13]) + Long.parseLong(fields[14]);
  }

  @Test
  void valuesOfMegabytesComeWhole() {
    assertThat((String) repl.eval("'x'.repeat(4 << 20)")).hasSize(4 << 20);
    assertThat((List<?>) repl.eval("new Array(300000).fill(1)")).hasSize(300_000);
    assertThat(repl.call("(x) => x.length", List.of("y".repeat(4 << 20)))).isEqualTo(4L << 20);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "print('hello')",
        "print('x' * 1000000)",
        "pass",
        "import sys; sys.exit(3)",
        "print('belljar 0 00000000-0000-0000-0000-000000000000')",
        "print('belljar 99999 00000000-0000-0000-0000-000000000000')",
        "print('belljar 9 00000000-0000-0000-0000-000000000000')",
        "serve(b'')",
        "serve(b'garbage, and more of it')",
        "serve(b'\\xff\\xff\\xff\\xff')",
        "serve(b'\\x03\\xff\\xff\\xff{')",
        "serve(b'\\x00\\x00\\x00\\x03[1]')",
        "serve(b'\\x00\\x00\\x00\\x09{\"id\": 7}')",
      })
  void whatIsNoEvaluatorIsNotTakenForOne(String code) {
    try (Sandbox other = Sandbox.create()) {
      fake(other, code);
      assertThatExceptionOfType(BelljarException.class)
          .isThrownBy(() -> other.deno().repl(withFakeDeno()))
          .withMessageContaining("did not start");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "b'\\x00\\x00\\x00\\x09{\"id\": 7}'",
        "b'\\x00\\x00\\x00\\x09{\"id\": 1}'",
        "b'\\x00\\x00\\x00\\x04null'",
        "b'\\xff\\xff\\xff\\xff'",
        "(3 << 24).to_bytes(4, 'big') + b'[' * (3 << 24)",
        "(18 << 20).to_bytes(4, 'big') + b'[' + b'[],' * (6 << 20)",
        "b'\\x00\\x00'",
      })
  void anEvaluatorThatAnswersWithRubbishIsEnded(String answer) {
    try (Sandbox other = Sandbox.create()) {
      fake(other, "serve(b'\\x00\\x00\\x00\\x09{\"id\": 0}', " + answer + ")");
      DenoRepl fake = other.deno().repl(withFakeDeno());
      assertThatExceptionOfType(BelljarException.class)
          .isThrownBy(() -> fake.eval("1"))
          .withMessageContaining("Evaluator");
      assertThat(fake.status()).isNotNull();
    }
  }

  /** Where it does not answer, the caller can go, and the sandbox takes all of it along. */
  @Test
  void anEvaluatorThatNeverAnswersHoldsNobody() throws InterruptedException {
    try (Sandbox other = Sandbox.create()) {
      fake(other, "serve(b'\\x00\\x00\\x00\\x09{\"id\": 0}', b'', 99)");
      DenoRepl fake = other.deno().repl(withFakeDeno());
      FutureTask<Object> asked =
          new FutureTask<>(
              () -> {
                try {
                  return fake.eval("1");
                } catch (SandboxClosedException e) {
                  return "closed";
                }
              });
      Thread thread = Thread.ofVirtual().start(asked);
      thread.join(Duration.ofMillis(300));
      other.close();
      assertThat(thread.join(Duration.ofSeconds(10))).isTrue();
      assertThat(asked.resultNow()).isEqualTo("closed");
    }
  }

  private static void fake(Sandbox where, String code) {
    where.fs().mkdirs("fake");
    where
        .fs()
        .writeTextFile(
            "fake/deno",
            """
            #!/usr/bin/python3
            import socket, time
            def serve(greeting, answer=b'', seconds=0):
                with socket.create_server(("127.0.0.1", 0)) as server:
                    print("belljar", server.getsockname()[1], "0" * 36, flush=True)
                    peer = server.accept()[0]
                    peer.recv(65536)
                    peer.sendall(greeting)
                    if answer or seconds:
                        peer.recv(65536)
                        peer.sendall(answer)
                        time.sleep(seconds)
                    peer.close()
                    time.sleep(600)
            """
                + code
                + "\n");
    where.fs().chmod("fake/deno", 0755);
  }

  private static SpawnOptions withFakeDeno() {
    return SpawnOptions.builder().env("PATH", "/home/app/fake:/usr/bin:/bin").piped().build();
  }

  private static ScriptException thrownBy(String code) {
    try {
      throw new AssertionError("gave " + repl.eval(code));
    } catch (ScriptException e) {
      return e;
    }
  }
}
