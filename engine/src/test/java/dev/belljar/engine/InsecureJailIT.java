package dev.belljar.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.Sandbox;
import dev.belljar.SandboxUnavailableException;
import dev.belljar.engine.storage.FileTree;
import dev.belljar.engine.vmm.HostTools;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Machines under a bubblewrap that does less than it is asked for. */
@Timeout(120)
class InsecureJailIT {
  private static final String WITHOUT_NETWORK_NAMESPACE =
      "--unshare-all) args+=(--unshare-user --unshare-ipc --unshare-pid --unshare-uts --unshare-cgroup)";

  private Path directory;

  @BeforeEach
  void makeDirectory() throws IOException {
    directory = Files.createTempDirectory("belljar-jail");
    // The machine's user executes what is in it.
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  @AfterEach
  void removeDirectory() throws IOException {
    FileTree.delete(directory);
  }

  @ParameterizedTest
  @CsvSource({
    "'" + WITHOUT_NETWORK_NAMESPACE + "', own net namespace",
    "--unshare-all) args+=(--unshare-all --share-net), own net namespace",
    "--chdir) args+=(--tmpfs /tmp --chdir), /tmp is mounted",
    "--ro-bind) args+=(--bind), can be written to"
  })
  void aSandboxWhoseJailLacksSomethingIsRefusedAndTheLackIsNamed(String change, String named)
      throws Exception {
    assertThat(run(change, "0").said())
        .startsWith("refused: No machine could be started: its jail lacks: ")
        .contains(named)
        .contains("--insecure-jail");
  }

  @Test
  void whereItIsAskedForTheLackIsAnnouncedOnceAndSeenInTheIsolation() throws Exception {
    Result result = run(WITHOUT_NETWORK_NAMESPACE, "1");
    assertThat(result.said())
        .startsWith("runs: ")
        .contains("INSECURE, it lacks: own net namespace");
    assertThat(result.warnings())
        .filteredOn(warning -> warning.contains("own net namespace"))
        .as("one warning for two sandboxes")
        .hasSize(1);
  }

  @Test
  void aWholeJailIsNotCalledInsecure() throws Exception {
    assertThat(run("--new-session) args+=(--new-session)", "1").said())
        .startsWith("runs: bubblewrap")
        .doesNotContain("INSECURE");
  }

  private record Result(String said, List<String> warnings) {}

  private Result run(String change, String insecure) throws IOException, InterruptedException {
    Path real = HostTools.find().orElseThrow().bubblewrap();
    Path script = directory.resolve("bwrap");
    Files.writeString(
        script,
        """
        #!/bin/bash
        args=()
        for argument; do
          case $argument in
            %s ;;
            *) args+=("$argument") ;;
          esac
        done
        exec %s "${args[@]}"
        """
            .formatted(change, real));
    Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
    ProcessBuilder builder =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                InsecureJailIT.class.getName())
            .redirectOutput(directory.resolve("said").toFile())
            .redirectErrorStream(true);
    builder.environment().put("PATH", directory + ":" + System.getenv("PATH"));
    builder.environment().put("BELLJAR_INSECURE_JAIL", insecure);
    Process process = builder.start();
    process.getOutputStream().close();
    assertThat(process.waitFor()).isZero();
    String said = Files.readString(directory.resolve("said"), UTF_8);
    // The log goes to standard output here, before the answer.
    String answer = said.lines().reduce((earlier, later) -> later).orElse("");
    return new Result(answer, said.lines().filter(line -> line.contains(" WARN ")).toList());
  }

  /** What runs in the other JVM. */
  public static void main(String[] arguments) {
    try (Sandbox one = Sandbox.create();
        Sandbox two = Sandbox.create()) {
      System.out.println(
          "runs: " + one.isolation().jail() + " " + two.sh("echo up").text().strip());
    } catch (SandboxUnavailableException e) {
      System.out.println("refused: " + e.getMessage());
    }
  }
}
