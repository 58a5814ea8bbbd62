package dev.belljar.cli;

import static dev.belljar.cli.CommandLineUnderTest.belljar;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What users get wrong ends before anything is started, with a message and without a trace. */
class UsageTest {
  @TempDir static Path directory;

  static Stream<Arguments> mistakes() throws IOException {
    Path script = Files.writeString(directory.resolve("ok.py"), "print(1)");
    Path ruby = Files.writeString(directory.resolve("no.rb"), "puts 1");
    Path text = Files.writeString(directory.resolve("text.pem"), "no certificate");
    Path broken =
        Files.writeString(
            directory.resolve("broken.pem"),
            "-----BEGIN CERTIFICATE-----\nxxxx\n-----END CERTIFICATE-----\n");
    return Stream.of(
        mistake("broken PEM", "cannot be read", "run", "--ca-cert", broken.toString(), "-c", "x"),
        mistake("nothing to run", "Name a FILE", "run"),
        mistake("missing file", "no such file", "run", "missing.ts"),
        mistake("directory", "is a directory", "run", directory.toString()),
        mistake("unknown language", "--lang", "run", ruby.toString()),
        mistake("unknown --lang", "'cobol' is not a language", "run", "--lang", "cobol", "-"),
        mistake("script from stdin without --lang", "--lang", "run", "-"),
        mistake("-c with --lang", "takes no --lang", "run", "--lang", "py", "-c", "true"),
        mistake("NUL in a path", "No file can be called 'a?b.py'", "run", "a\0b.py"),
        mistake("empty path", "name is empty", "run", ""),
        mistake("nonsense size", "is not a size", "run", "--memory", "lots", script.toString()),
        mistake("size out of bounds", "out of bounds", "run", "--memory", "1MiB", "-c", "true"),
        mistake("nonsense duration", "is not a duration", "run", "--timeout", "soon", "-c", "true"),
        mistake("duration without unit", "is not a duration", "run", "--timeout", "10", "-c", "x"),
        mistake("no time", "no time at all", "run", "--timeout", "0s", "-c", "true"),
        mistake("negative duration", "is not a duration", "run", "--timeout", "-5s", "-c", "true"),
        mistake("too many vCPUs", "out of bounds", "run", "--vcpus", "99", "-c", "true"),
        mistake("vCPUs that are no number", "--vcpus", "run", "--vcpus", "two", "-c", "true"),
        mistake("processes", "out of bounds", "run", "--processes", "1", "-c", "true"),
        mistake("env without =", "--env NAME=VALUE", "run", "--env", "HOME", "-c", "true"),
        mistake("env with NUL", "environment variable", "run", "--env", "A=\0", "-c", "true"),
        mistake("connect-to", "HOST:PORT:ADDRESS:PORT", "run", "--connect-to", "x:1", "-c", "true"),
        mistake(
            "both networks",
            "exclude each other",
            "run",
            "--no-net",
            "--allow-net",
            "x.org",
            "-c",
            "x"),
        mistake(
            "a secret twice",
            "is there twice",
            "run",
            "--secret",
            "K@a.example=PATH",
            "--secret",
            "K@b.example=PATH",
            "-c",
            "x"),
        mistake("no secret in a body", "no --secret", "run", "--secret-in-body", "K", "-c", "true"),
        mistake(
            "name in another script",
            "punycode",
            "run",
            "--secret",
            "K@bücher.example=PATH",
            "-c",
            "x"),
        mistake(
            "missing --copy", "no such file or directory", "run", "--copy", "nix", "-c", "true"),
        mistake("--copy ..", "GUEST", "run", "--copy", "..", "-c", "true"),
        mistake("missing --ca-cert", "no such file", "run", "--ca-cert", "nix.pem", "-c", "true"),
        mistake(
            "a server's jail",
            "a server is started with it",
            "run",
            "--endpoint",
            "http://127.0.0.1:1",
            "--token-file",
            script.toString(),
            "--insecure-jail",
            "-c",
            "true"),
        mistake("no PEM", "no PEM certificate", "run", "--ca-cert", text.toString(), "-c", "true"),
        mistake("volume without a path", "NAME:/path", "run", "--volume", "data", "-c", "x"),
        mistake("relative path", "NAME:/path", "run", "--volume", "data:x", "-c", "x"),
        mistake("read-only volume", "writable", "run", "--volume", "data:/data:ro", "-c", "x"),
        mistake(
            "a server and none",
            "--no-server",
            "run",
            "--endpoint",
            "http://127.0.0.1:1",
            "--no-server",
            "-c",
            "x"),
        mistake("volume over the system", "'/usr'", "run", "--volume", "data:/usr", "-c", "x"),
        mistake(
            "two volumes in one place",
            "both be at '/x'",
            "run",
            "--volume",
            "a:/x",
            "--volume",
            "b:/x",
            "-c",
            "x"),
        mistake(
            "a checkpoint of another size",
            "takes no --memory and no --vcpus",
            "run",
            "--checkpoint",
            "warm",
            "--memory",
            "2GiB",
            "-c",
            "x"),
        mistake(
            "a checkpoint with another disk",
            "takes no root and no volumes",
            "run",
            "--checkpoint",
            "warm",
            "--volume",
            "data:/data",
            "-c",
            "x"),
        mistake("unknown option", "Unknown option: '--tiemout'", "run", "--tiemout", "1s", "x.py"),
        mistake("option without value", "--timeout", "run", "--timeout"));
  }

  private static Arguments mistake(String name, String message, String... args) {
    return Arguments.argumentSet(name, message, args);
  }

  @ParameterizedTest
  @MethodSource("mistakes")
  void mistakesInRunEndWith125AndAMessage(String message, String[] args) {
    var result = belljar(args);

    assertThat(result.exitStatus()).isEqualTo(125);
    assertThat(result.err()).startsWith("belljar: ").contains(message).doesNotContain("\tat ");
    assertThat(result.out()).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("mistakes")
  void mistakesAreAnObjectUnderJson(String message, String[] args) {
    String[] withJson =
        Stream.concat(Stream.of("run", "--json"), Stream.of(args).skip(1)).toArray(String[]::new);

    var result = belljar(withJson);

    assertThat(result.exitStatus()).isEqualTo(125);
    JsonNode error = JsonMapper.shared().readTree(result.out()).get("error");
    assertThat(error.get("kind").asString()).isEqualTo("usage");
    assertThat(error.get("message").asString()).contains(message);
  }

  static Stream<Arguments> mistakesWithServers() {
    return Stream.of(
        mistake("no server named", "--endpoint", "list"),
        mistake("server without a token", "BELLJAR_TOKEN", "list", "--endpoint", "http://h:1"),
        mistake("copy within this host", "ID:PATH", "copy", "a", "b"),
        mistake("nothing to do with tokens", "create, list or revoke", "tokens"),
        mistake("nothing to do with volumes", "create, list, get, delete or restore", "volumes"),
        mistake("nothing to do with snapshots", "create, list, get or delete", "snapshots"),
        mistake("nothing to do with data", "check, export or import", "data"),
        mistake("export of nothing", "VOLUME", "data", "export"),
        mistake("export to nowhere", "FILE", "data", "export", "tools"),
        mistake(
            "import of nothing", "There is no file missing.tar", "data", "import", "missing.tar"),
        mistake("no data", "no data of Belljar in /etc", "data", "check", "--data", "/etc"),
        mistake(
            "no data to export",
            "no data of Belljar",
            "data",
            "export",
            "x",
            "-",
            "--data",
            "/etc"),
        mistake(
            "organization of no token",
            "a-z, 0-9 and -",
            "data",
            "import",
            "-",
            "--organization",
            "No/pe"),
        mistake(
            "organization in capitals",
            "a-z, 0-9 and -",
            "data",
            "export",
            "x",
            "-",
            "--organization",
            "ACME"),
        mistake("nothing to do with checkpoints", "belljar checkpoint ID SLUG", "checkpoints"),
        mistake("nothing to pause", "ID", "pause"),
        mistake("no server to pause on", "--endpoint", "pause", "sbx_x"),
        mistake("no server to resume on", "--endpoint", "resume", "sbx_x"),
        mistake("checkpoint without a name", "SLUG", "checkpoint", "sbx_x"),
        mistake("no server to save on", "--endpoint", "checkpoint", "sbx_x", "warm"),
        mistake("volume without a size", "--capacity", "volumes", "create", "data"),
        mistake(
            "nonsense size", "is not a size", "volumes", "create", "data", "--capacity", "lots"),
        mistake("bad slug", "cannot be a name", "volumes", "create", "No", "--capacity", "1GB"),
        mistake("no volume named", "NAME", "volumes", "delete"),
        mistake("snapshot without a name", "SLUG", "snapshots", "create", "data"),
        mistake("address to listen on", "HOST:PORT", "serve", "--listen", "everywhere"),
        mistake("configuration", "cannot be read", "serve", "--config", "missing.toml"));
  }

  @ParameterizedTest(name = "{1}")
  @MethodSource("mistakesWithServers")
  void mistakesInCommandsForServersEndWith2AndAMessage(String message, String[] args) {
    var result = belljar(args);

    assertThat(result.err()).contains(message).doesNotContain("\tat ");
    assertThat(result.exitStatus()).isEqualTo(2);
  }

  static Stream<Arguments> secretsOutOfReach() {
    return Stream.of(
        mistake(
            "no network", "--secret K will never be sent to a.example: with --no-net", "--no-net"),
        mistake(
            "not on the list",
            "--secret K will never be sent to a.example: --allow-net does not allow it",
            "--allow-net",
            "b.example,*.a.example"));
  }

  @ParameterizedTest
  @MethodSource("secretsOutOfReach")
  void aSecretThatCanNeverBeUsedIsWarnedAbout(String warning, String[] args) throws IOException {
    Path token = Files.writeString(directory.resolve("token"), "ddo_x");
    String[] more = {
      "--secret", "K@a.example=PATH", "--endpoint", "http://127.0.0.1:1", "--token-file"
    };
    String[] rest =
        Stream.concat(Stream.of(args), Stream.concat(Stream.of(more), Stream.of(token.toString())))
            .toArray(String[]::new);

    assertThat(belljar(with(rest, "run", "-c", "true")).err()).contains(warning);
    assertThat(belljar(with(rest, "create")).err()).contains(warning);
    assertThat(belljar(with(rest, "run", "-q", "-c", "true")).err()).doesNotContain("never");
  }

  private static String[] with(String[] options, String command, String... words) {
    return Stream.concat(Stream.of(command), Stream.concat(Stream.of(options), Stream.of(words)))
        .toArray(String[]::new);
  }

  @Test
  void aSecretThatCanBeUsedIsNotWarnedAbout() throws IOException {
    Path token = Files.writeString(directory.resolve("token"), "ddo_x");
    for (String allowed : new String[] {"a.example", "*.example", "a.example:443"}) {
      assertThat(
              belljar(
                      "create",
                      "--allow-net",
                      allowed,
                      "--secret",
                      "K@a.example=PATH",
                      "--endpoint",
                      "http://127.0.0.1:1",
                      "--token-file",
                      token.toString())
                  .err())
          .doesNotContain("never");
    }
  }

  @Test
  void execNeedsACommandAfterTheEndOfOptions() {
    assertThat(belljar("exec", "sbx_loc_0123456789abcdefghjk", "--").err())
        .contains("There is no command after '--'");
  }

  @Test
  void execPrintsAnObjectOnlyOfWhatItLeavesRunning() {
    var result = belljar("exec", "--json", "sbx_loc_0123456789abcdefghjk", "true");

    assertThat(result.exitStatus()).isEqualTo(125);
    assertThat(JsonMapper.shared().readTree(result.out()).at("/error/message").asString())
        .contains("--json is for --detach");
  }

  @Test
  void whatACheckpointIsToHoldIsStartedSoThatItGoesOn() {
    assertThat(belljar("exec", "--help").out()).contains("--detach", "ended with it");
    assertThat(belljar("checkpoint", "--help").out()).contains("belljar exec --detach $id");
  }

  @Test
  void otherCommandsEndWith2() {
    assertThat(belljar("doctor", "--frobnicate").exitStatus()).isEqualTo(2);
    assertThat(belljar("demo", "--env-file", "missing.env").exitStatus()).isEqualTo(2);
    assertThat(belljar("rnu").exitStatus()).isEqualTo(2);
    assertThat(belljar().exitStatus()).isEqualTo(2);
  }

  @Test
  void aMistypedCommandIsAnsweredWithTheRightOne() {
    assertThat(belljar("doctro").err()).contains("there is no command 'doctro'", "doctor");
  }

  @ParameterizedTest
  @ValueSource(strings = {"run", "create", "exec", "checkpoint", "volumes", "snapshots", "data"})
  void whatExamplesInstallIsFoundByAptAndTheirLinesAreNotBroken(String command) {
    assertThat(belljar(command, "--help").out().lines())
        .allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(100))
        .filteredOn(line -> line.contains("apt-get install"))
        // The image comes without lists of packages.
        .allSatisfy(line -> assertThat(line).contains("apt-get update && sudo apt-get install"));
  }

  @Test
  void helpTeachesByExample() {
    assertThat(belljar("run", "--help").out()).contains("Examples:", "Exit status:");
    assertThat(belljar("help", "run").out()).contains("Examples:");
    assertThat(belljar("--help").out()).contains("demo", "doctor", "setup");
    assertThat(belljar("--version").out()).startsWith("belljar ");
  }
}
