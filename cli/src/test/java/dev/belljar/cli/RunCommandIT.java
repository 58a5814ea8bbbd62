package dev.belljar.cli;

import static dev.belljar.cli.CommandLineUnderTest.belljar;
import static dev.belljar.cli.CommandLineUnderTest.belljarReading;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.Storage;
import dev.belljar.cli.CommandLineUnderTest.Result;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code belljar run} with real machines. */
@Timeout(120)
class RunCommandIT {
  @TempDir Path directory;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          hello.ts  | const who: string = Deno.args[0]; console.log(`hello ${who}`)
          hello.js  | console.log('hello ' + process.argv[2])
          hello.mjs | import { argv } from 'node:process'; console.log('hello ' + argv[2])
          hello.py  | import sys; print('hello', sys.argv[1])
          hello.sh  | echo "hello $1"
          """)
  void saysHelloInEveryLanguage(String name, String code) throws IOException {
    Result result = belljar("run", script(name, code), "Wörld");

    assertThat(result).isEqualTo(new Result(0, "hello Wörld\n", ""));
  }

  @Test
  void whatFollowsTheFileBelongsToTheProgram() throws IOException {
    String echo = script("echo.py", "import sys; print(sys.argv[1:])");

    Result result = belljar("run", echo, "--json", "--", "@file", "-c", "", "a b", "--help");

    assertThat(result.out()).isEqualTo("['--json', '--', '@file', '-c', '', 'a b', '--help']\n");
  }

  @Test
  void aFileWhoseNameBeginsWithAHyphenIsRunAfterTwoHyphens() throws IOException {
    String script = script("-odd name.py", "print('odd')");

    assertThat(belljar("run", "--", script).out()).isEqualTo("odd\n");
  }

  @Test
  void aShellCommandGetsItsArguments() {
    assertThat(belljar("run", "-c", "echo \"$2 $1\"", "a", "b c").out()).isEqualTo("b c a\n");
  }

  @Test
  void aProgramRunsInASandboxThatGoesOnFromACheckpoint() {
    String warm = "run-" + UUID.randomUUID();
    try (Sandbox origin = Sandbox.create(SandboxOptions.builder().local().build())) {
      origin.fs().writeTextFile("/home/app/note", "kept");
      origin.checkpoint(warm);
    }
    try {
      Result result = belljar("run", "--checkpoint", warm, "-e", "A=b", "-c", "cat note; echo $A");

      assertThat(result).isEqualTo(new Result(0, "keptb\n", ""));
    } finally {
      Storage.local().checkpoints().delete(warm);
    }
    Result none = belljar("run", "--checkpoint", warm, "-c", "true");
    assertThat(none.exitStatus()).isEqualTo(125);
    assertThat(none.err()).contains(warm);
  }

  @Test
  void aScriptComesFromStandardInput() {
    Result result =
        belljarReading(
            "import sys\nprint(sys.stdin.read(), sys.argv[1:])",
            "run",
            "--lang",
            "python",
            "-",
            "x");

    assertThat(result.out()).isEqualTo(" ['x']\n");
  }

  @Test
  void inputIsForwardedToItsEnd() {
    assertThat(belljarReading("b\na\n", "run", "-c", "sort").out()).isEqualTo("a\nb\n");
  }

  @Test
  void aProgramEndsThoughItsInputIsStillOpen() throws IOException {
    try (var neverEnding = new PipedOutputStream();
        InputStream input = new PipedInputStream(neverEnding)) {
      assertThat(belljarReading(input, "run", "-c", "echo done").out()).isEqualTo("done\n");
    }
  }

  @Test
  void outputComesAsItIsWritten() throws Exception {
    try (var output = new PipedOutputStream();
        var seen = new PipedInputStream(output);
        var answer = new PipedOutputStream();
        var input = new PipedInputStream(answer)) {
      Thread run =
          Thread.ofVirtual()
              .start(
                  () ->
                      Main.execute(
                          streams(input, output), "run", "-c", "echo ping; read x; echo got $x"));

      assertThat(new String(seen.readNBytes(5), StandardCharsets.UTF_8)).isEqualTo("ping\n");
      answer.write("pong\n".getBytes(StandardCharsets.UTF_8));
      answer.flush();
      assertThat(new String(seen.readNBytes(9), StandardCharsets.UTF_8)).isEqualTo("got pong\n");
      assertThat(run.join(Duration.ofSeconds(20))).isTrue();
    }
  }

  @Test
  void aForkBombDoesNotHideTheProgramsOwnEnd() {
    Result result = belljar("run", "-c", "echo result; :(){ :|:& };:; sleep 2; exit 3");
    assertThat(result.exitStatus()).isEqualTo(3);
    assertThat(result.out()).startsWith("result\n");
  }

  @Test
  void standardErrorIsKeptApart() {
    Result result = belljar("run", "-c", "echo out; echo err >&2; exit 3");

    assertThat(result).isEqualTo(new Result(3, "out\n", "err\n"));
  }

  @ParameterizedTest
  @CsvSource({"exit 0, 0", "exit 1, 1", "exit 255, 255", "kill -TERM $$, 143", "kill -9 $$, 137"})
  void theExitStatusIsTheProgramsOwn(String command, int expected) {
    assertThat(belljar("run", "-c", command).exitStatus()).isEqualTo(expected);
  }

  @Test
  void aCommandThatDoesNotExistIs127AsAShellSaysIt() {
    Result result = belljar("run", "-c", "nosuchcommand");

    assertThat(result.exitStatus()).isEqualTo(127);
    assertThat(result.err()).contains("nosuchcommand: command not found");
  }

  @Test
  void aScriptThatDoesNotParseIsItsInterpretersToTell() throws IOException {
    Result result = belljar("run", script("bad.ts", "let = ;"));

    assertThat(result.exitStatus()).isEqualTo(1);
    assertThat(result.err()).contains("bad.ts").doesNotContain("belljar:", "dev.belljar");
  }

  @Test
  void timeThatIsOverIs124AndKeepsWhatWasWritten() {
    long begin = System.nanoTime();

    Result result = belljar("run", "--timeout", "2s", "-c", "echo before; sleep 60; echo after");

    assertThat(result.exitStatus()).isEqualTo(124);
    assertThat(result.out()).isEqualTo("before\n");
    assertThat(result.err()).contains("--timeout 2s");
    assertThat(Duration.ofNanos(System.nanoTime() - begin)).isLessThan(Duration.ofSeconds(20));
  }

  @Test
  void whatIsLeftInTheBackgroundEndsWithTheProgram() {
    long begin = System.nanoTime();

    Result result = belljar("run", "-c", "echo done; sleep 600 & exit 4");

    assertThat(result).isEqualTo(new Result(4, "done\n", ""));
    assertThat(Duration.ofNanos(System.nanoTime() - begin)).isLessThan(Duration.ofSeconds(20));
  }

  @Test
  void theEnvironmentIsWhatIsSetAndNothingOfThisHost() {
    Result result = belljar("run", "--env", "A=1", "-e", "B=two=2", "-c", "echo $A $B; env");

    assertThat(result.out()).startsWith("1 two=2\n").doesNotContain("JAVA", "MAVEN");
  }

  @Test
  void copiesAreThereUnderTheirNamesAndModes() throws IOException {
    Path lib = Files.createDirectory(directory.resolve("lib"));
    Files.writeString(lib.resolve("util.py"), "def twice(x): return 2 * x");
    Path data = Files.writeString(directory.resolve("data.txt"), "21");
    String main =
        script(
            "main.py",
            "from lib.util import twice; print(twice(int(open('/tmp/in/data').read())))");

    Result result =
        belljar("run", "--copy", lib.toString(), "--copy", data + ":/tmp/in/data", main);

    assertThat(result).isEqualTo(new Result(0, "42\n", ""));
  }

  @Test
  void theProgramStartsWhereItIsTold() {
    assertThat(belljar("run", "-c", "pwd").out()).isEqualTo("/home/app\n");
    assertThat(belljar("run", "--cwd", "/tmp", "-c", "pwd").out()).isEqualTo("/tmp\n");
    assertThat(belljar("run", "--cwd", "a/b", "-c", "pwd").out()).isEqualTo("/home/app/a/b\n");
  }

  @Test
  void jsonHoldsEverything() {
    Result result = belljar("run", "--json", "--no-net", "-c", "echo out; echo err >&2; exit 3");

    assertThat(result.exitStatus()).isEqualTo(3);
    assertThat(result.err()).isEmpty();
    JsonNode report = JsonMapper.shared().readTree(result.out());
    assertThat(report.at("/status/code").asInt()).isEqualTo(3);
    assertThat(report.at("/status/success").asBoolean()).isFalse();
    assertThat(report.at("/stdout").asString()).isEqualTo("out\n");
    assertThat(report.at("/stderr").asString()).isEqualTo("err\n");
    assertThat(report.at("/timings/createMillis").asLong()).isPositive();
    assertThat(report.at("/isolation/accelerator").asString()).isIn("kvm", "tcg");
    assertThat(report.at("/egress").isArray()).isTrue();
  }

  @Test
  void jsonKeepsBytesThatAreNoText() {
    Result result = belljar("run", "--json", "-c", "printf '\\377\\000'");

    JsonNode report = JsonMapper.shared().readTree(result.out());
    assertThat(report.at("/stdoutBase64").asString()).isEqualTo("/wA=");
    assertThat(report.has("stdout")).isFalse();
  }

  @Test
  void jsonIsBounded() {
    Result result = belljar("run", "--json", "-c", "head -c 20000000 /dev/zero | tr '\\0' x");

    JsonNode report = JsonMapper.shared().readTree(result.out());
    assertThat(report.at("/stdout").asString()).hasSize(16 << 20);
    assertThat(report.at("/stdoutTruncated").asBoolean()).isTrue();
  }

  @Test
  void anAllowedHostIsReachedWhereConnectToLeads() throws IOException {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 0), 0);
    server.createContext(
        "/",
        exchange -> {
          byte[] body = "from loopback".getBytes(StandardCharsets.UTF_8);
          exchange.sendResponseHeaders(200, body.length);
          exchange.getResponseBody().write(body);
          exchange.close();
        });
    server.start();
    try {
      String connectTo = "api.example.com:80:127.0.0.1:" + server.getAddress().getPort();
      String command = "curl -sS -m 20 http://$HOST/";

      Result allowed =
          belljar(
              "run",
              "--json",
              "--allow-net",
              "api.example.com,other.example.com",
              "--connect-to",
              connectTo,
              "--env",
              "HOST=api.example.com",
              "-c",
              command);
      Result denied =
          belljar(
              "run",
              "--json",
              "--allow-net",
              "other.example.com",
              "--connect-to",
              connectTo,
              "--env",
              "HOST=api.example.com",
              "-c",
              command);

      JsonNode report = JsonMapper.shared().readTree(allowed.out());
      assertThat(report.at("/stdout").asString()).isEqualTo("from loopback");
      assertThat(report.at("/egress"))
          .anySatisfy(
              connection -> {
                assertThat(connection.get("host").asString()).isEqualTo("api.example.com");
                assertThat(connection.get("port").asInt()).isEqualTo(80);
                assertThat(connection.get("verdict").asString()).isEqualTo("allowed");
              });
      assertThat(denied.exitStatus()).isNotZero();
      assertThat(JsonMapper.shared().readTree(denied.out()).at("/stdout").asString()).isEmpty();
    } finally {
      server.stop(0);
    }
  }

  @Test
  void withoutANetworkNothingIsReached() {
    Result result =
        belljar("run", "--no-net", "-c", "curl -sS -m 10 http://example.com/ || echo refused");

    assertThat(result.out()).isEqualTo("refused\n");
  }

  @Test
  void aHostNameThatCannotBeIsRefused() {
    Result result = belljar("run", "--allow-net", "exa mple..com", "-c", "true");

    assertThat(result.exitStatus()).isEqualTo(125);
    assertThat(result.err()).startsWith("belljar: ").contains("exa mple..com");
  }

  @Test
  void aHundredThousandArgumentsArriveOrAreRefusedWithAMessage() throws IOException {
    String count = script("count.py", "import sys; print(len(sys.argv) - 1)");
    String[] args =
        Stream.concat(Stream.of("run", count), Collections.nCopies(100_000, "argument").stream())
            .toArray(String[]::new);

    Result result = belljar(args);

    if (result.exitStatus() == 0) {
      assertThat(result.out()).isEqualTo("100000\n");
    } else {
      assertThat(result.exitStatus()).isEqualTo(125);
      assertThat(result.err()).startsWith("belljar: ").contains("rgument").hasLineCount(1);
    }
  }

  @Test
  void exhaustedMemoryIsSaid() {
    Result result =
        belljar(
            "run",
            "--memory",
            "768MiB",
            "-c",
            "python3 -c 'b = bytearray(3 << 30)'; tail /dev/zero");

    assertThat(result.exitStatus()).isNotZero();
    assertThat(result.err()).contains("memory (768 MiB) was exhausted; try --memory 2GiB");
  }

  private String script(String name, String code) throws IOException {
    return Files.writeString(directory.resolve(name), code).toString();
  }

  private static StandardStreams streams(InputStream in, OutputStream out) {
    var err = new PrintStream(OutputStream.nullOutputStream(), true, StandardCharsets.UTF_8);
    return new StandardStreams(in, out, err, false);
  }
}
