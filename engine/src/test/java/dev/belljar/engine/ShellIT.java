package dev.belljar.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.belljar.ChildProcess;
import dev.belljar.Sandbox;
import dev.belljar.SandboxCommand;
import dev.belljar.SandboxCommandException;
import dev.belljar.SpawnOptions;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Shell commands and terminals. */
@Timeout(60)
class ShellIT {
  private static Sandbox sandbox;

  @BeforeAll
  static void create() {
    sandbox = Sandbox.create();
  }

  @AfterAll
  static void close() {
    sandbox.close();
  }

  @Test
  void aCommandGivesItsOutput() {
    assertThat(sandbox.sh("echo one; echo two").text()).isEqualTo("one\ntwo\n");
    assertThat(sandbox.sh("echo one; echo two").lines()).containsExactly("one", "two");
    assertThat(sandbox.sh("printf '\\001\\377'").bytes()).containsExactly(1, 255);
    assertThat(sandbox.sh("echo out; echo err >&2").output().stderrText()).isEqualTo("err\n");
  }

  @Test
  void aCommandTakesDirectoryEnvironmentAndUser() {
    assertThat(sandbox.sh("pwd; echo $A").cwd("/usr").env("A", "1").text()).isEqualTo("/usr\n1\n");
    assertThat(sandbox.sh("id -u; echo $HOME").sudo().text()).isEqualTo("0\n/root\n");
    assertThat(sandbox.sh("sudo -n id -u").text()).isEqualTo("0\n");
  }

  @Test
  void aCommandReadsWhatItIsGivenAndNothingElse() {
    assertThat(sandbox.sh("cat").stdinText("ü\n").text()).isEqualTo("ü\n");
    byte[] large = new byte[3_000_000];
    assertThat(sandbox.sh("cat").stdin(large).bytes()).isEqualTo(large);
    assertThat(sandbox.sh("cat").text()).isEmpty();
    assertThat(sandbox.sh("exit 0").stdin(large).text()).as("nobody reads it").isEmpty();
  }

  @Test
  void anUnsuccessfulCommandThrowsItsOutput() {
    assertThatExceptionOfType(SandboxCommandException.class)
        .isThrownBy(() -> sandbox.sh("echo half; echo why >&2; exit 9").text())
        .withMessageContaining("9")
        .withMessageContaining("why")
        .satisfies(e -> assertThat(e.output().stdoutText()).isEqualTo("half\n"))
        .satisfies(e -> assertThat(e.output().status().code()).isEqualTo(9));
    assertThat(sandbox.sh("exit 9").noThrow().output().status().code()).isEqualTo(9);
  }

  @Test
  void quotedWordsAreOneWordInTheGuest() {
    String word = "it's $HOME `id` \"x\" \\ \n*";
    assertThat(sandbox.sh("printf %s " + SandboxCommand.quote(word)).text()).isEqualTo(word);
  }

  @Test
  void aTerminalHasTheSizeItWasGiven() throws IOException {
    try (ChildProcess child =
        sandbox.spawn(
            "bash",
            SpawnOptions.builder()
                .terminal(33, 101)
                .args(
                    "-c",
                    "tty; stty size; trap 'stty size; exit 4' WINCH; echo ready; while :; do sleep 0.1; done")
                .build())) {
      BufferedReader lines = new BufferedReader(new InputStreamReader(child.stdout(), UTF_8));
      assertThat(lines.readLine()).startsWith("/dev/pts/");
      assertThat(lines.readLine()).isEqualTo("33 101");
      assertThat(lines.readLine()).isEqualTo("ready");
      child.resize(44, 202);
      assertThat(lines.readLine()).isEqualTo("44 202");
      assertThat(child.status().code()).isEqualTo(4);
    }
  }

  @Test
  void aTerminalEchoesAndInterrupts() throws IOException {
    try (ChildProcess child =
        sandbox.spawn("bash", SpawnOptions.builder().terminal(24, 80).args("-c", "cat").build())) {
      OutputStream keys = child.stdin();
      BufferedReader lines = new BufferedReader(new InputStreamReader(child.stdout(), UTF_8));
      keys.write("typed\n".getBytes(UTF_8));
      assertThat(lines.readLine()).as("the echo").isEqualTo("typed");
      assertThat(lines.readLine()).as("cat's answer").isEqualTo("typed");
      keys.write(3); // Ctrl-C
      assertThat(child.status().success()).isFalse();
    }
  }

  @Test
  void theEndOfInputEndsATerminalsReader() throws IOException {
    try (ChildProcess child =
        sandbox.spawn("cat", SpawnOptions.builder().terminal(24, 80).build())) {
      try (OutputStream keys = child.stdin()) {
        keys.write("last\n".getBytes(UTF_8));
      }
      assertThat(child.output().stdoutText()).contains("last");
      assertThat(child.status().success()).isTrue();
    }
  }
}
