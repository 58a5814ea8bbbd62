package dev.belljar.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.awaitility.Awaitility.await;

import dev.belljar.BelljarException;
import dev.belljar.ChildProcess;
import dev.belljar.ChildProcessOutput;
import dev.belljar.FileSystemOperationException;
import dev.belljar.InvalidOptionException;
import dev.belljar.NotFoundException;
import dev.belljar.OutputTooLargeException;
import dev.belljar.PermissionDeniedException;
import dev.belljar.ProcessEndedException;
import dev.belljar.Sandbox;
import dev.belljar.SandboxClosedException;
import dev.belljar.Signal;
import dev.belljar.SpawnOptions;
import dev.belljar.SpawnOptions.Stdio;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ProcessIT {
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
  void outputWithoutEndIsCutOffAndItsProgramKilled() {
    ChildProcess child = sandbox.spawn("yes");
    assertThatExceptionOfType(OutputTooLargeException.class)
        .isThrownBy(child::output)
        .withMessageContaining("stdout()");
    assertThat(child.status().signal()).contains(Signal.SIGKILL);
  }

  @Test
  void outputCanBeAskedForTwice() {
    ChildProcess child = sandbox.spawn("echo", "once");
    assertThat(child.output().stdoutText()).isEqualTo("once\n");
    assertThat(child.output().stdoutText()).isEqualTo("once\n");
  }

  @Test
  void aMissingWorkingDirectoryIsToldApartFromAMissingCommand() {
    SpawnOptions nowhere = SpawnOptions.builder().cwd("/nowhere").build();
    assertThatExceptionOfType(NotFoundException.class)
        .isThrownBy(() -> sandbox.spawn("true", nowhere))
        .withMessageContaining("chdir '/nowhere'");
  }

  @Test
  void aUserThatIsNotThereIsNamed() {
    SpawnOptions options = SpawnOptions.builder().user("somebody").build();
    assertThatExceptionOfType(FileSystemOperationException.class)
        .isThrownBy(() -> sandbox.spawn("true", options))
        .withMessageContaining("somebody");
  }

  @Test
  void aPathOfMegabytesIsTooLongAndTheSandboxGoesOn() {
    assertThatExceptionOfType(FileSystemOperationException.class)
        .isThrownBy(() -> sandbox.fs().stat("x/".repeat(3_000_000)))
        .satisfies(e -> assertThat(e.code()).isEqualTo("ENAMETOOLONG"));
    assertThat(output("echo", "alive").stdoutText()).isEqualTo("alive\n");
  }

  @Test
  void argumentsArriveAsTheyAre() {
    assertThat(output("printf", "%s|", "", "two words", "$HOME", "'", "ü\n🫙").stdoutText())
        .isEqualTo("|two words|$HOME|'|ü\n🫙|");
  }

  @Test
  void theEnvironmentIsTheSandboxsWithItsOwnAbove() {
    SpawnOptions options =
        SpawnOptions.builder().env("USER", "other").env("OWN", "=a b").piped().build();
    assertThat(sandbox.spawn("env", options).output().stdoutText())
        .contains("USER=other\n", "OWN==a b\n", "HOME=/home/app\n");
    SpawnOptions clear = SpawnOptions.builder().clearEnv().env("ONLY", "1").piped().build();
    assertThat(sandbox.spawn("/usr/bin/env", clear).output().stdoutText()).isEqualTo("ONLY=1\n");
  }

  @Test
  void theWorkingDirectoryMayBeRelative() {
    sandbox.fs().mkdirs("/home/app/here");
    assertThat(pwd("here")).isEqualTo("/home/app/here\n");
    assertThat(pwd("/usr/bin")).isEqualTo("/usr/bin\n");
    assertThat(output("pwd").stdoutText()).isEqualTo("/home/app\n");
    assertThatExceptionOfType(NotFoundException.class).isThrownBy(() -> pwd("missing"));
  }

  private static String pwd(String directory) {
    return sandbox
        .spawn("pwd", SpawnOptions.builder().cwd(directory).piped().build())
        .output()
        .stdoutText();
  }

  @Test
  void theUserIsAppUnlessRootIsAskedFor() {
    assertThat(output("id", "-un").stdoutText()).isEqualTo("app\n");
    SpawnOptions root = SpawnOptions.builder().user("root").piped().build();
    assertThat(sandbox.spawn("whoami", root).output().stdoutText()).isEqualTo("root\n");
    SpawnOptions nobody = SpawnOptions.builder().user("nobody").cwd("/").piped().build();
    assertThat(sandbox.spawn("whoami", nobody).output().stdoutText()).isEqualTo("nobody\n");
    assertThatExceptionOfType(FileSystemOperationException.class)
        .isThrownBy(() -> sandbox.spawn("true", SpawnOptions.builder().user("nosuchuser").build()));
  }

  @Test
  void whatIsWrittenToStdinIsRead() throws IOException {
    SpawnOptions piped = SpawnOptions.builder().stdin(Stdio.PIPED).piped().build();
    try (ChildProcess cat = sandbox.spawn("cat", piped)) {
      try (OutputStream stdin = cat.stdin()) {
        stdin.write("to and fro".getBytes(UTF_8));
      }
      assertThat(cat.output().stdoutText()).isEqualTo("to and fro");
    }
  }

  @Test
  void aNullStdinIsAtItsEnd() {
    assertThat(output("cat").stdout()).isEmpty();
  }

  @Test
  void streamsThatAreNotPipedCannotBeAskedFor() {
    SpawnOptions none = SpawnOptions.builder().stdout(Stdio.NULL).stderr(Stdio.NULL).build();
    try (ChildProcess child = sandbox.spawn("sh", withArgs(none, "-c", "echo x; echo y >&2"))) {
      assertThatIllegalStateException().isThrownBy(child::stdin);
      assertThatIllegalStateException().isThrownBy(child::stdout);
      assertThatIllegalStateException().isThrownBy(child::stderr);
      assertThatIllegalStateException().isThrownBy(() -> child.resize(24, 80));
      assertThat(child.output().stdout()).isEmpty();
      assertThat(child.status().success()).isTrue();
    }
  }

  private static SpawnOptions withArgs(SpawnOptions options, String... args) {
    return SpawnOptions.builder()
        .stdout(options.stdout())
        .stderr(options.stderr())
        .args(args)
        .build();
  }

  @Test
  void largeOutputOfBothStreamsArrivesWhole() {
    ChildProcessOutput output =
        output("sh", "-c", "yes out | head -c 20000000 & yes err | head -c 10000000 >&2; wait");
    assertThat(output.stdout()).hasSize(20_000_000);
    assertThat(output.stderr()).hasSize(10_000_000);
    assertThat(new String(output.stderr(), 9_999_996, 4, UTF_8)).isEqualTo("err\n");
  }

  @Test
  void theExitCodeIsTheProcesss() {
    for (int code : new int[] {0, 1, 2, 127, 255}) {
      var status = output("sh", "-c", "exit " + code).status();
      assertThat(status.code()).isEqualTo(code);
      assertThat(status.success()).isEqualTo(code == 0);
      assertThat(status.signal()).isEmpty();
    }
  }

  @Test
  void aKilledProcessReportsItsSignal() {
    for (Signal signal : List.of(Signal.SIGTERM, Signal.SIGKILL, Signal.SIGUSR2)) {
      try (ChildProcess child = sandbox.spawn("sleep", "1000")) {
        child.kill(signal);
        var status = child.status();
        assertThat(status.signal()).contains(signal);
        assertThat(status.code()).isEqualTo(128 + signal.number());
        assertThat(status.success()).isFalse();
        assertThatExceptionOfType(ProcessEndedException.class).isThrownBy(child::kill);
      }
    }
  }

  @Test
  void aSignalReachesItsHandler() throws IOException {
    try (ChildProcess child =
        sandbox.spawn(
            "bash",
            "-c",
            "trap 'echo caught; exit 7' USR1; echo ready; while :; do sleep 0.1; done")) {
      BufferedReader lines = new BufferedReader(new InputStreamReader(child.stdout(), UTF_8));
      assertThat(lines.readLine()).isEqualTo("ready");
      child.kill(Signal.SIGUSR1);
      assertThat(lines.readLine()).isEqualTo("caught");
      assertThat(child.status().code()).isEqualTo(7);
    }
  }

  @Test
  void closingEndsTheWholeTree() {
    ChildProcess child =
        sandbox.spawn("bash", "-c", "setsid sleep 4321 & (trap '' TERM; sleep 4322) & sleep 4323");
    await()
        .until(() -> output("pgrep", "-fxc", "sleep 432[123]").stdoutText().strip(), "3"::equals);
    child.close();
    child.close();
    await()
        .atMost(Duration.ofSeconds(10))
        .until(() -> output("pgrep", "-fxc", "sleep 432[123]").stdoutText().strip(), "0"::equals);
    assertThat(child.status().signal()).contains(Signal.SIGKILL);
  }

  @Test
  void closingEndsWhatAnEndedProcessLeft() {
    try (ChildProcess child = sandbox.spawn("bash", "-c", "sleep 4331 & setsid sleep 4332 &")) {
      assertThat(child.status().success()).isTrue();
      assertThat(output("pgrep", "-fxc", "sleep 433[12]").stdoutText()).isEqualTo("2\n");
    }
    await()
        .atMost(Duration.ofSeconds(10))
        .until(() -> output("pgrep", "-fxc", "sleep 433[12]").stdoutText().strip(), "0"::equals);
  }

  @Test
  void aThreadThatIsInterruptedStillEndsItsProcess() {
    Thread me = Thread.currentThread();
    Thread.ofVirtual()
        .start(
            () -> {
              await().until(() -> output("pgrep", "-fxc", "sleep 4341"), o -> o.status().success());
              me.interrupt();
            });
    assertThatExceptionOfType(BelljarException.class)
        .isThrownBy(() -> sandbox.sh("exec sleep 4341").text())
        .isNotInstanceOf(SandboxClosedException.class)
        .withMessageStartingWith("Interrupted");
    assertThat(Thread.interrupted()).isTrue();
    await()
        .atMost(Duration.ofSeconds(10))
        .until(() -> output("pgrep", "-fxc", "sleep 4341").stdoutText().strip(), "0"::equals);
  }

  @Test
  void aHundredThousandArgumentsArrive() {
    List<String> args = new ArrayList<>(List.of("-c", "echo $# ${100000}", "sh"));
    IntStream.rangeClosed(1, 100_000).forEach(i -> args.add("arg" + i));
    SpawnOptions options = SpawnOptions.builder().args(args).piped().build();
    assertThat(sandbox.spawn("bash", options).output().stdoutText())
        .isEqualTo("100000 arg100000\n");
  }

  @Test
  void moreArgumentsThanLinuxTakesAreRefused() {
    SpawnOptions one = SpawnOptions.builder().args("x".repeat(200_000)).build();
    SpawnOptions all =
        SpawnOptions.builder().args(java.util.Collections.nCopies(70, "x".repeat(100_000))).build();
    for (SpawnOptions options : List.of(one, all)) {
      assertThatExceptionOfType(FileSystemOperationException.class)
          .isThrownBy(() -> sandbox.spawn("true", options))
          .satisfies(e -> assertThat(e.code()).isEqualTo("E2BIG"));
    }
    assertThat(output("true").status().success()).isTrue();
  }

  @Test
  void whatCannotBeStartedSaysWhy() {
    assertThatExceptionOfType(NotFoundException.class)
        .isThrownBy(() -> sandbox.spawn("no-such-command"))
        .withMessageContaining("no-such-command");
    assertThatExceptionOfType(NotFoundException.class)
        .isThrownBy(() -> sandbox.spawn("/no/such/command"));
    sandbox.fs().writeTextFile("/tmp/plain", "echo x");
    assertThatExceptionOfType(PermissionDeniedException.class)
        .isThrownBy(() -> sandbox.spawn("/tmp/plain"));
    assertThatExceptionOfType(PermissionDeniedException.class)
        .isThrownBy(() -> sandbox.spawn("/tmp"));
    sandbox.fs().chmod("/tmp/plain", 0755);
    assertThatExceptionOfType(FileSystemOperationException.class)
        .isThrownBy(() -> sandbox.spawn("/tmp/plain"))
        .satisfies(e -> assertThat(e.code()).isEqualTo("ENOEXEC"));
    for (String impossible : List.of("", "a\0b")) {
      assertThatExceptionOfType(InvalidOptionException.class)
          .isThrownBy(() -> sandbox.spawn(impossible));
    }
  }

  @Test
  void anOrphanThatHoldsTheOutputDoesNotHideTheStatus() throws Exception {
    try (ChildProcess child = sandbox.spawn("sh", "-c", "sleep 3 & echo started; exit 5")) {
      assertThat(child.statusFuture().get(20, TimeUnit.SECONDS).code()).isEqualTo(5);
      assertThat(child.output().stdoutText()).isEqualTo("started\n");
    }
  }

  @Test
  void theStatusFutureCompletesWithTheProcess() throws Exception {
    try (ChildProcess child = sandbox.spawn("sh", "-c", "read x < /dev/null; exit 3")) {
      assertThat(child.statusFuture().get(10, TimeUnit.SECONDS).code()).isEqualTo(3);
      assertThat(child.status().code()).isEqualTo(3);
    }
  }

  @Test
  void aProcessThatClosesItsInputEndsTheWriter() {
    SpawnOptions options =
        SpawnOptions.builder().stdin(Stdio.PIPED).args("-c", "exec 0<&-; sleep 20").piped().build();
    try (ChildProcess child = sandbox.spawn("sh", options)) {
      assertThatExceptionOfType(IOException.class)
          .isThrownBy(
              () -> {
                for (int i = 0; i < 100; i++) {
                  child.stdin().write(new byte[64 << 10]);
                }
              })
          .withMessage("broken pipe: the process has ended or closed its input");
    }
  }

  @Test
  void fiftyRunAtOnce() throws Exception {
    List<FutureTask<String>> running = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      String text = "process " + i;
      running.add(
          new FutureTask<>(() -> output("sh", "-c", "sleep 0.5; echo " + text).stdoutText()));
    }
    running.forEach(Thread.ofVirtual()::start);
    for (int i = 0; i < running.size(); i++) {
      assertThat(running.get(i).get(40, TimeUnit.SECONDS)).isEqualTo("process " + i + "\n");
    }
  }

  private static ChildProcessOutput output(String command, String... args) {
    try (ChildProcess child = sandbox.spawn(command, args)) {
      return child.output();
    }
  }
}
