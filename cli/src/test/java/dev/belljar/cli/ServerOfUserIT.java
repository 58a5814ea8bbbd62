package dev.belljar.cli;

import static dev.belljar.cli.CommandLineUnderTest.belljar;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.belljar.cli.CommandLineUnderTest.Result;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code belljar run} beside a {@code belljar serve} of the same user. */
@Timeout(120)
class ServerOfUserIT {
  private static final String ON_SERVER = "on the server that you run at ";

  @TempDir static Path directory;

  private static Path data;

  private static Process server;

  private static String endpoint = "";

  private static Path token;

  @BeforeAll
  @Timeout(300)
  static void starts() throws Exception {
    data = directory.resolve("data");
    Path config =
        Files.writeString(directory.resolve("belljar.toml"), "[limits]\nmemory = \"2GiB\"\n");
    server = serve(data, Map.of(), "--config", config.toString());
    endpoint = line(server.inputReader(StandardCharsets.UTF_8), "DENO_SANDBOX_ENDPOINT");
    token =
        Files.writeString(
            directory.resolve("token"),
            line(server.inputReader(StandardCharsets.UTF_8), "DENO_DEPLOY_TOKEN"));
    // It has begun, and holds none of the locks of its beginning any more.
    assertThat(run("-v", "-c", "true").err()).contains(ON_SERVER);
  }

  @AfterAll
  static void ends() {
    server.destroyForcibly();
  }

  @Test
  void runGoesToItAndIsTheSameInAllElse() throws Exception {
    Path script =
        Files.writeString(directory.resolve("s.py"), "import sys; sys.exit(int(open('n').read()))");
    Path copied = Files.writeString(directory.resolve("n"), "9");

    Result verbose = run("-v", "-e", "A=b", "-c", "cat; echo $A >&2; exit 3");
    assertThat(verbose.err()).contains(ON_SERVER + endpoint, "confined by", "b\n");
    assertThat(verbose.exitStatus()).isEqualTo(3);
    assertThat(run("-c", "echo out; echo err >&2; kill -9 $$"))
        .isEqualTo(new Result(137, "out\n", "err\n"));
    assertThat(run("--copy", copied.toString(), script.toString()).exitStatus()).isEqualTo(9);
    Result late = run("--timeout", "1s", "-c", "sleep 60");
    assertThat(late.exitStatus()).isEqualTo(124);
    assertThat(run("-c", "no-such-command").exitStatus()).isEqualTo(127);
    await().until(() -> list().isEmpty());
    assertThat(directory.resolve("serve.log")).content().contains("command-line-of-this-host");
  }

  @Test
  void connectionsAreToldAsWell() throws Exception {
    Result result =
        run("-v", "--allow-net", "example.invalid", "-c", "curl -s http://other.invalid || true");

    assertThat(result.err()).contains(ON_SERVER, "egress verdict=DENIED host=other.invalid");
  }

  @Test
  void theReportHasTheSameMembers() throws Exception {
    JsonNode there = report("run", "--json", "-c", "echo x; exit 4");
    JsonNode here = report("run", "--json", "--no-server", "-c", "echo x; exit 4");

    assertThat(there.propertyNames()).containsExactlyElementsOf(here.propertyNames());
    assertThat(there.get("status")).isEqualTo(here.get("status"));
    assertThat(there.at("/isolation/image")).isEqualTo(here.at("/isolation/image"));
    assertThat(there.at("/isolation/accelerator")).isEqualTo(here.at("/isolation/accelerator"));
    assertThat(there.get("stdout")).isEqualTo(here.get("stdout"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"--no-server", "--insecure-jail"})
  void notWhereThisProcessIsAskedFor(String option) throws Exception {
    Result result = run(option, "-v", "-c", "echo here");

    assertThat(result.out()).isEqualTo("here\n");
    assertThat(result.err()).contains("confined by").doesNotContain(ON_SERVER);
  }

  @ParameterizedTest
  @ValueSource(strings = {"--root", "--checkpoint", "--volume"})
  void notWhereStorageIsNamed(String option) throws Exception {
    String name = option.equals("--volume") ? "no-such:/x" : "no-such";
    Result result = run(option, name, "-c", "true");

    assertThat(result.exitStatus()).isEqualTo(125);
    assertThat(result.err()).contains("no-such").doesNotContain("server");
  }

  @Test
  void notWhereTheEnvironmentSaysSo() throws Exception {
    Result result = run(Map.of("BELLJAR_NO_SERVER", "1"), "-v", "-c", "echo here");

    assertThat(result.out()).isEqualTo("here\n");
    assertThat(result.err()).doesNotContain(ON_SERVER);
  }

  @Test
  void whatItRefusesIsSaidToBeItsRefusalAndHowToDoWithout() throws Exception {
    Result refused = run("--memory", "3GiB", "-c", "true");

    assertThat(refused.exitStatus()).isEqualTo(125);
    assertThat(refused.err()).contains(endpoint, "--no-server");
    assertThat(run("--no-server", "--memory", "3GiB", "-c", "true").exitStatus()).isZero();
    assertThat(
            report("run", "--json", "--memory", "3GiB", "-c", "true")
                .at("/error/message")
                .asString(""))
        .contains("--no-server");
  }

  @Test
  void aServerThatHangsIsDoneWithout() throws Exception {
    signal("STOP", server);
    try {
      Result result = run("-v", "-c", "echo here");

      assertThat(result.out()).isEqualTo("here\n");
      assertThat(result.err()).doesNotContain(ON_SERVER);
    } finally {
      signal("CONT", server);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"INT", "KILL"})
  void whateverEndsTheCommandEndsTheSandbox(String signal) throws Exception {
    Process command = start(Map.of(), "run", "--timeout", "10m", "-c", "echo started; sleep 600");
    assertThat(command.inputReader(StandardCharsets.UTF_8).readLine()).isEqualTo("started");
    assertThat(list()).isNotEmpty();

    signal(signal, command);

    assertThat(command.waitFor(20, TimeUnit.SECONDS)).isTrue();
    assertThat(command.exitValue()).isEqualTo(signal.equals("INT") ? 130 : 137);
    assertThat(command.errorReader(StandardCharsets.UTF_8).readLine()).isNull();
    await().until(() -> list().isEmpty());
  }

  @RepeatedTest(3)
  void aReaderThatHasEnoughEndsTheProgramQuietly() throws Exception {
    Process command = start(Map.of(), "run", "-c", "yes");
    try (BufferedReader out = command.inputReader(StandardCharsets.UTF_8)) {
      assertThat(out.readLine()).isEqualTo("y");
    }

    assertThat(command.waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(command.exitValue()).isEqualTo(141);
    assertThat(command.errorReader(StandardCharsets.UTF_8).readLine()).isNull();
    await().until(() -> list().isEmpty());
  }

  @Test
  void aServerWhoseJailsMayLackSomethingAndOneThatHasEndedAreNotUsed() throws Exception {
    Path other = directory.resolve("insecure");
    Process insecure = serve(other, Map.of("BELLJAR_INSECURE_JAIL", "1"));
    try {
      line(insecure.inputReader(StandardCharsets.UTF_8), "DENO_DEPLOY_TOKEN");
      Map<String, String> environment = Map.of("BELLJAR_DATA", other.toString());
      assertThat(run(environment, "-v", "-c", "true").err()).doesNotContain(ON_SERVER);

      insecure.destroyForcibly().waitFor();

      assertThat(other.resolve("metadata/tokens.socket")).exists();
      Result result = run(environment, "-v", "-c", "echo here");
      assertThat(result.out()).isEqualTo("here\n");
      assertThat(result.err()).doesNotContain(ON_SERVER);
    } finally {
      insecure.destroyForcibly();
    }
  }

  private static String list() {
    return belljar("list", "--endpoint", endpoint, "--token-file", token.toString()).out();
  }

  private static JsonNode report(String... words) throws Exception {
    return new JsonMapper().readTree(finish(start(Map.of(), words)).out());
  }

  private static Result run(String... options) throws Exception {
    return run(Map.of(), options);
  }

  private static Result run(Map<String, String> environment, String... options) throws Exception {
    List<String> words = new ArrayList<>(List.of("run"));
    words.addAll(List.of(options));
    return finish(start(environment, words.toArray(String[]::new)));
  }

  private static Process start(Map<String, String> environment, String... words)
      throws IOException {
    Map<String, String> all = new HashMap<>(Map.of("BELLJAR_DATA", data.toString()));
    all.putAll(environment);
    return builder(all, List.of(words)).start();
  }

  private static Result finish(Process process) throws Exception {
    process.getOutputStream().close();
    endLate(process);
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    String err = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Result(process.waitFor(), out, err);
  }

  /** Nothing interrupts who reads what a process says. */
  private static void endLate(Process process) {
    CompletableFuture.delayedExecutor(100, TimeUnit.SECONDS).execute(process::destroyForcibly);
  }

  private static Process serve(Path data, Map<String, String> environment, String... options)
      throws IOException {
    List<String> words =
        new ArrayList<>(
            List.of(
                "serve", "--pool", "off", "--listen", "127.0.0.1:0", "--data", data.toString()));
    words.addAll(List.of(options));
    Process process =
        builder(environment, words).redirectError(directory.resolve("serve.log").toFile()).start();
    CompletableFuture.delayedExecutor(10, TimeUnit.MINUTES).execute(process::destroyForcibly);
    return process;
  }

  private static ProcessBuilder builder(Map<String, String> environment, List<String> words) {
    List<String> command =
        new ArrayList<>(
            List.of(
                "env",
                "--default-signal=INT",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-Dbelljar.serverPatience=10000",
                "-cp",
                System.getProperty("java.class.path"),
                "dev.belljar.cli.Main"));
    command.addAll(words);
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().remove("BELLJAR_NO_SERVER");
    builder.environment().putAll(environment);
    return builder;
  }

  private static void signal(String name, Process process) throws Exception {
    new ProcessBuilder("kill", "-" + name, Long.toString(process.pid()))
        .inheritIO()
        .start()
        .waitFor();
  }

  /** The value that a server exports under that name. */
  private static String line(BufferedReader lines, String name) throws IOException {
    while (true) {
      String line = lines.readLine();
      assertThat(line).as("the server's lines").isNotNull();
      if (line.startsWith("export " + name + "=")) {
        return line.substring(line.indexOf('=') + 1);
      }
    }
  }
}
