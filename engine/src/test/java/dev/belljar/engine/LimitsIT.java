package dev.belljar.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import dev.belljar.ChildProcess;
import dev.belljar.ChildProcessOutput;
import dev.belljar.ChildProcessStatus;
import dev.belljar.ChildProcessStatus.OutOfMemory;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.Signal;
import dev.belljar.SpawnOptions;
import dev.belljar.StorageFullException;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A guest that takes all it can: the sandbox survives it, or ends when its time is over. */
@Timeout(120)
class LimitsIT {
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
  void aForkBombKeepsNobodyFromAnswering() {
    try (Sandbox bombed = Sandbox.create(SandboxOptions.builder().processes(300).build())) {
      ChildProcess bomb =
          bombed.spawn(
              "bash",
              SpawnOptions.builder()
                  .args("-c", "bomb() { bomb | bomb & }; bomb; sleep 1000")
                  .stdout(SpawnOptions.Stdio.NULL)
                  .stderr(SpawnOptions.Stdio.NULL)
                  .build());
      for (int i = 0; i < 20; i++) {
        assertThat(bombed.fs().exists("/")).isTrue();
        bombed.fs().writeTextFile("/tmp/answer", "x");
      }
      bomb.close();
      assertThat(bomb.status().success()).isFalse();
      await()
          .atMost(Duration.ofSeconds(30))
          .ignoreExceptions()
          .until(() -> bombed.sh("echo back").text().equals("back\n"));
    }
  }

  @Test
  void closingTheProcessThatBeganAForkBombEndsTheBomb() {
    try (Sandbox bombed = Sandbox.create(SandboxOptions.builder().processes(200).build())) {
      // The first process ends at once, its descendants do not.
      try (ChildProcess bomb = bombed.spawn("bash", "-c", ":(){ :|:& };: & sleep 2")) {
        bomb.status();
      }
      await()
          .atMost(Duration.ofSeconds(30))
          .ignoreExceptions()
          .until(() -> Integer.parseInt(bombed.sh("pgrep -c bash").noThrow().text().strip()) <= 1);
    }
  }

  @Test
  void theProcessLimitIsTheOneAskedFor() {
    try (Sandbox small = Sandbox.create(SandboxOptions.builder().processes(16).build())) {
      ChildProcessOutput output =
          small.sh("for i in $(seq 40); do sleep 5 & done; jobs -r | wc -l").noThrow().output();
      assertThat(output.stderrText()).contains("Resource temporarily unavailable");
      assertThat(small.sh("echo fine").noThrow().output()).isNotNull();
    }
  }

  @Test
  void aProcessKilledForMemoryIsCertain() {
    try (ChildProcess hog = sandbox.spawn("tail", "/dev/zero")) {
      ChildProcessStatus status = hog.status();
      assertThat(status.signal()).contains(Signal.SIGKILL);
      assertThat(status.oom()).isEqualTo(OutOfMemory.CERTAIN);
    }
    assertThat(sandbox.sh("echo fine").text()).isEqualTo("fine\n");
  }

  @Test
  void aProcessWhoseChildWasKilledForMemoryIsLikely() {
    ChildProcessStatus status = sandbox.sh("tail /dev/zero; exit 3").noThrow().output().status();
    assertThat(status.code()).isEqualTo(3);
    assertThat(status.oom()).isEqualTo(OutOfMemory.LIKELY);
    assertThat(sandbox.sh("echo fine").text()).isEqualTo("fine\n");
  }

  @Test
  void anOrdinaryKillIsNotForMemory() {
    ChildProcessStatus status = sandbox.sh("kill -9 $$").noThrow().output().status();
    assertThat(status.signal()).contains(Signal.SIGKILL);
    assertThat(status.oom()).isEqualTo(OutOfMemory.NO);
  }

  @Test
  void aFullDiskIsSaidAndSurvived() {
    sandbox
        .sh("fallocate -l $(df --output=avail -B1 . | tail -1) filler; ls -l filler")
        .noThrow()
        .text();
    try {
      assertThatExceptionOfType(StorageFullException.class)
          .isThrownBy(
              () -> {
                for (int i = 0; i < 20; i++) {
                  sandbox.fs().writeFile("/home/app/more" + i, new byte[1_000_000]);
                }
              })
          .satisfies(e -> assertThat(e.code()).isEqualTo("ENOSPC"));
      assertThat(sandbox.sh("head -c 30M /dev/zero > x").noThrow().output().stderrText())
          .contains("No space left on device");
    } finally {
      sandbox.sh("rm -f filler more* x").text();
    }
    sandbox.fs().writeFile("/home/app/again", new byte[1_000_000]);
    assertThat(sandbox.fs().stat("/home/app/again").size()).isEqualTo(1_000_000);
  }

  @Test
  void anEndlessLoopIsKilled() throws IOException {
    String script = "trap '' TERM INT HUP; echo deaf; while :; do :; done";
    try (ChildProcess loop = sandbox.spawn("sh", "-c", script)) {
      assertThat(new String(loop.stdout().readNBytes(5), UTF_8)).isEqualTo("deaf\n");
      loop.kill(Signal.SIGTERM);
      assertThat(sandbox.sh("echo meanwhile").text()).isEqualTo("meanwhile\n");
      assertThat(loop.statusFuture()).isNotDone();
      loop.kill(Signal.SIGKILL);
      assertThat(loop.status().signal()).contains(Signal.SIGKILL);
    }
  }

  @Test
  void aFloodThatNobodyReadsStopsItsWriterAndKeepsTheHeap() throws IOException {
    long before = usedHeap();
    try (ChildProcess flood = sandbox.spawn("yes")) {
      String state = "cut -d' ' -f3,14,15 /proc/" + flood.pid() + "/stat";
      // Asleep, and no processor time between two looks.
      await()
          .atMost(Duration.ofSeconds(20))
          .until(
              () -> {
                String first = sandbox.sh(state).text();
                return first.startsWith("S")
                    && first.equals(sandbox.sh("sleep 0.3; " + state).text());
              });
      assertThat(usedHeap() - before).as("heap kept").isLessThan(4L << 20);
      assertThat(flood.stdout().readNBytes(2_000_000)).hasSize(2_000_000);
    }
  }

  @Test
  void aHundredProcessesThatFloodKeepTheHeapBounded() throws IOException {
    long before = usedHeap();
    try (ChildProcess flood =
        sandbox.spawn("sh", "-c", "for i in $(seq 50); do yes & yes >&2 & done; wait")) {
      assertThat(new String(flood.stdout().readNBytes(2), UTF_8)).isEqualTo("y\n");
      assertThat(sandbox.sh("sleep 0.5; echo meanwhile").text()).isEqualTo("meanwhile\n");
      assertThat(usedHeap() - before).as("heap kept").isLessThan(4L << 20);
    }
  }

  @Test
  void theLifetimeEndsAMachineWhateverRootDoes() {
    Instant began = Instant.now();
    try (Sandbox stubborn =
        Sandbox.create(SandboxOptions.builder().timeout(Duration.ofSeconds(4)).build())) {
      for (int i = 0; i < 4; i++) {
        stubborn.spawn(
            "sudo", "chrt", "-f", "99", "sh", "-c", "trap '' TERM INT HUP; while :; do :; done");
      }
      assertThat(stubborn.awaitEnd()).isEqualTo("its lifetime is over");
      assertThat(Duration.between(began, Instant.now())).isLessThan(Duration.ofSeconds(30));
    }
  }

  @Test
  void rootMayKillTheAgentAndEndsOnlyItsOwnSandbox() {
    try (Sandbox suicidal = Sandbox.create()) {
      suicidal.spawn(
          "sudo", "sh", "-c", "echo b > /proc/sysrq-trigger; echo o > /proc/sysrq-trigger");
      assertThat(suicidal.awaitEnd()).isNotBlank();
    }
    assertThat(sandbox.sh("echo fine").text()).isEqualTo("fine\n");
  }

  private static long usedHeap() {
    System.gc();
    Runtime runtime = Runtime.getRuntime();
    return runtime.totalMemory() - runtime.freeMemory();
  }
}
