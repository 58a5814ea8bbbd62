package dev.belljar.cli;

import static dev.belljar.cli.CommandLineUnderTest.belljar;
import static dev.belljar.cli.CommandLineUnderTest.belljarReading;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.belljar.cli.CommandLineUnderTest.Result;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A server as operators start it, and the commands that work on it. */
@Timeout(120)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class ServeIT {
  @TempDir static Path directory;

  @SuppressWarnings("NullAway.Init") // set before all tests
  private static Process server;

  private static String endpoint = "";

  @SuppressWarnings("NullAway.Init") // set before all tests
  private static Path tokenFile;

  @BeforeAll
  @Timeout(300)
  static void starts() throws Exception {
    server = serve("--data", directory.resolve("data").toString(), "--listen", "127.0.0.1:0");
    Map<String, String> exports = exports(server);
    endpoint = exports.getOrDefault("DENO_SANDBOX_ENDPOINT", "");
    String token = exports.getOrDefault("DENO_DEPLOY_TOKEN", "");
    tokenFile = Files.writeString(directory.resolve("token"), token);

    assertThat(exports.get("DENO_DEPLOY_ENDPOINT")).isEqualTo(endpoint);
    assertThat(token).startsWith("ddo_");
  }

  @AfterAll
  static void ends() {
    server.destroyForcibly();
  }

  @Test
  @Order(1)
  void aSandboxIsMadeListedUsedExtendedAndKilled() throws IOException {
    Result created =
        remote(
            "create", "--timeout", "5m", "--label", "job=7", "--env", "A=b", "--processes", "200");
    String id = created.out().strip();

    assertThat(created.exitStatus()).as(created.err()).isZero();
    assertThat(id).matches("sbx_[a-z]{3}_[0-9a-hjkmnp-z]{20}");
    assertThat(remote("list", "--label", "job=7").out()).contains(id, "running", "job=7");
    assertThat(remote("list", "--label", "job=8").out()).isEmpty();

    Path local = Files.writeString(directory.resolve("in.txt"), "seven");
    assertThat(remote("copy", local.toString(), id + ":/tmp/in.txt").exitStatus()).isZero();
    Result executed =
        belljarReading(
            "more",
            "exec",
            "--endpoint",
            endpoint,
            "--token-file",
            tokenFile.toString(),
            id,
            "sh",
            "-c",
            "cat /tmp/in.txt -; echo $A >&2; echo out > /tmp/out; exit 3");
    assertThat(executed).isEqualTo(new Result(3, "sevenmore", "b\n"));
    assertThat(remote("copy", id + ":/tmp/out", directory.toString()).exitStatus()).isZero();
    assertThat(directory.resolve("out")).hasContent("out\n");

    assertThat(remote("exec", id, "--", "echo", "--").out()).isEqualTo("--\n");
    assertThat(remote("exec", id, "no-such-command").exitStatus()).isEqualTo(127);
    Result detached = remote("exec", "-d", "--cwd", "/tmp", id, "sleep", "300");
    assertThat(detached.exitStatus()).as(detached.err()).isZero();
    String sleeper = detached.out().strip();
    assertThat(remote("exec", id, "ps", "-o", "args=", "-p", sleeper).out())
        .isEqualTo("sleep 300\n");
    assertThat(remote("exec", id, "readlink", "/proc/" + sleeper + "/cwd").out())
        .isEqualTo("/tmp\n");
    assertThat(remote("exec", id, "kill", sleeper).exitStatus()).isZero();
    assertThat(remote("exec", "-d", "--json", id, "sh", "-c", "echo lost").out())
        .matches("\\{\\s*\"pid\" : \\d+\\s*}\n");
    Result missing = remote("exec", "-d", "--json", id, "no-such-command");
    assertThat(missing.exitStatus()).isEqualTo(127);
    assertThat(missing.out()).contains("\"error\"", "no-such-command");
    assertThat(remote("extend", id, "20m").out()).matches("\\d{4}-.*Z\n");
    assertThat(remote("kill", id).exitStatus()).isZero();
    assertThat(remote("list").out()).doesNotContain(id);
    assertThat(remote("list", "--all").out()).contains(id, "stopped");
    assertThat(remote("exec", id, "true").exitStatus()).isEqualTo(125);
  }

  @Test
  @Order(2)
  void runGoesToTheServerThatItIsTold() {
    Result result = remote("run", "--timeout", "30s", "-c", "echo there; exit 4");

    assertThat(result.out()).isEqualTo("there\n");
    assertThat(result.exitStatus()).isEqualTo(4);
  }

  @Test
  @Order(2)
  void aSandboxIsPausedResumedSavedAndGoneOnFrom() {
    String id = remote("create", "--timeout", "5m").out().strip();
    remote("exec", id, "sh", "-c", "echo before > /tmp/note");
    String sleeper = remote("exec", "--detach", id, "sleep", "300").out().strip();

    assertThat(remote("pause", id)).isEqualTo(new Result(0, "", ""));
    Result refused = remote("exec", id, "true");
    assertThat(refused.exitStatus()).isEqualTo(125);
    assertThat(refused.err()).contains("paused", "Resume it first");
    Result unsaved = remote("checkpoint", "--json", id, "warm");
    assertThat(unsaved.exitStatus()).isEqualTo(1);
    assertThat(unsaved.out()).contains("\"kind\" : \"paused\"");
    assertThat(remote("extend", id, "10m").exitStatus()).isZero();
    assertThat(remote("resume", id)).isEqualTo(new Result(0, "", ""));

    assertThat(remote("checkpoint", id, "warm").out()).matches("chk_loc_[0-9a-hjkmnp-z]{20}\n");
    Result taken = remote("checkpoint", id, "warm");
    assertThat(taken.exitStatus()).isEqualTo(1);
    assertThat(taken.err()).contains("SLUG_TAKEN");
    assertThat(checkpoints("list").out()).contains("warm", "2 vCPUs");
    remote("exec", id, "sh", "-c", "echo after > /tmp/note");

    String fork = remote("create", "--checkpoint", "warm", "--timeout", "2m").out().strip();
    assertThat(remote("exec", fork, "cat", "/tmp/note").out()).isEqualTo("before\n");
    assertThat(remote("exec", id, "cat", "/tmp/note").out()).isEqualTo("after\n");
    assertThat(remote("exec", fork, "ps", "-o", "args=", "-p", sleeper).out())
        .isEqualTo("sleep 300\n");
    assertThat(remote("kill", fork).exitStatus()).isZero();
    assertThat(remote("run", "--checkpoint", "warm", "-c", "cat /tmp/note"))
        .isEqualTo(new Result(0, "before\n", ""));

    assertThat(checkpoints("delete", "warm").exitStatus()).isZero();
    Result none = remote("run", "--checkpoint", "warm", "-c", "true");
    assertThat(none.exitStatus()).isEqualTo(125);
    assertThat(none.err()).contains("no checkpoint 'warm'");
    assertThat(remote("kill", id).exitStatus()).isZero();
  }

  @Test
  @Order(3)
  void tokensAreMadeAndRevokedWhileTheServerRuns() throws IOException {
    String data = directory.resolve("data").toString();
    Result made = belljar("tokens", "create", "--json", "--data", data, "acme", "a test");
    assertThat(made.exitStatus()).as(made.err()).isZero();
    String secret = made.out().replaceAll("(?s).*\"token\" : \"([^\"]+)\".*", "$1");
    String id = made.out().replaceAll("(?s).*\"id\" : \"([^\"]+)\".*", "$1");
    Path file = Files.writeString(directory.resolve("acme"), secret);
    String[] list = {"list", "--endpoint", endpoint, "--token-file", file.toString()};

    assertThat(belljar(list).exitStatus()).isZero();
    assertThat(belljar("tokens", "list", "--data", data).out())
        .contains(id, "acme", "a test")
        .doesNotContain(secret);
    assertThat(belljar("tokens", "revoke", "--data", data, id).exitStatus()).isZero();

    Result refused = belljar(list);
    assertThat(refused.exitStatus()).isEqualTo(1);
    assertThat(refused.err()).contains("token").doesNotContain(secret);
  }

  @Test
  @Order(4)
  void aSecondServerOnTheSameDataIsRefused() throws Exception {
    Process second =
        serve("--data", directory.resolve("data").toString(), "--listen", "127.0.0.1:0");

    assertThat(second.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(second.exitValue()).isEqualTo(1);
    assertThat(directory.resolve("serve.log"))
        .content()
        .contains(directory.resolve("data") + " is in use by another Belljar server");
    assertThat(remote("list").exitStatus()).isZero();
  }

  @Test
  @Order(5)
  void listeningForEverybodyNeedsATokenFirst() throws Exception {
    Process open = serve("--data", directory.resolve("other").toString(), "--listen", "0.0.0.0:0");

    assertThat(open.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(open.exitValue()).isEqualTo(2);
  }

  @Test
  @Order(6)
  void aCheckMakesNoToken() {
    String data = directory.resolve("checked").toString();

    Result checked = belljar("serve", "--check", "--listen", "127.0.0.1:0", "--data", data);

    assertThat(checked.exitStatus()).as(checked.err()).isZero();
    assertThat(belljar("tokens", "list", "--data", data).out()).isEmpty();
  }

  @Test
  @Order(7)
  void aFirstTokenThatCannotBePrintedIsRevokedAndSaidToBe() throws Exception {
    String data = directory.resolve("unseen").toString();
    Path log = directory.resolve("unseen.log");
    Process unseen =
        new ProcessBuilder(command("--data", data, "--listen", "127.0.0.1:0"))
            .redirectOutput(new File("/dev/full"))
            .redirectError(log.toFile())
            .start();
    try {
      await()
          .atMost(Duration.ofSeconds(60))
          .untilAsserted(() -> assertThat(log).content().contains("belljar tokens create local"));
      assertThat(unseen.isAlive()).isTrue();
      assertThat(belljar("tokens", "list", "--data", data).out()).contains("revoked");
    } finally {
      unseen.destroyForcibly();
    }
  }

  @Test
  @Order(8)
  void sigtermEndsItInOrderAndWithZero() throws Exception {
    server.destroy();

    assertThat(server.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(server.exitValue()).isZero();
  }

  private static Result remote(String... words) {
    List<String> all = new ArrayList<>(List.of(words));
    all.addAll(1, List.of("--endpoint", endpoint, "--token-file", tokenFile.toString()));
    return belljar(all.toArray(String[]::new));
  }

  private static Result checkpoints(String... words) {
    List<String> all = new ArrayList<>(List.of("checkpoints"));
    all.addAll(List.of(words));
    all.addAll(List.of("--endpoint", endpoint, "--token-file", tokenFile.toString()));
    return belljar(all.toArray(String[]::new));
  }

  private static Process serve(String... options) throws IOException {
    return new ProcessBuilder(command(options))
        .redirectError(directory.resolve("serve.log").toFile())
        .start();
  }

  private static List<String> command(String... options) {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                "dev.belljar.cli.Main",
                "serve"));
    command.addAll(List.of(options));
    return command;
  }

  private static Map<String, String> exports(Process process) throws IOException {
    Map<String, String> exports = new HashMap<>();
    BufferedReader lines = process.inputReader(StandardCharsets.UTF_8);
    while (exports.size() < 3) {
      String line = lines.readLine();
      assertThat(line).as("the server's lines, after " + exports.keySet()).isNotNull();
      String[] parts = line.replaceFirst("^export ", "").split("=", 2);
      exports.put(parts[0], parts[1]);
    }
    return exports;
  }
}
