package dev.belljar.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
final class BuildStepTest {
  @TempDir Path directory;

  @BeforeEach
  void extract() throws IOException {
    Recipe.load("image", "build-root.sh")
        .extract(Files.createDirectory(directory.resolve("image")));
  }

  @Test
  void progressIsToldAndFailureSaysWhy() throws IOException {
    List<String> steps = new ArrayList<>();
    assertThatThrownBy(() -> step(steps).run(script("echo '==> Half way'; echo no luck; exit 3")))
        .isInstanceOf(BuildFailedException.class)
        .hasMessageContaining("exit code 3")
        .hasMessageContaining("no luck");
    assertThat(steps).containsExactly("Half way");
  }

  @Test
  void nothingOfStepIsLeftWhenItsPipeEnds() throws IOException, InterruptedException {
    Process process = held("sleep 300 & echo $!; wait");
    try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
      long child = Long.parseLong(lines.readLine());
      // What a kill of this process would do.
      process.getOutputStream().close();
      assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
      assertThat(runs(child)).isFalse();
    }
  }

  @Test
  void stepThatDoesNotListenIsKilled() throws IOException, InterruptedException {
    Process process = held("trap '' TERM; echo ready; while :; do sleep 1; done");
    try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
      assertThat(lines.readLine()).isEqualTo("ready");
      process.getOutputStream().close();
      assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void nextBuildWaitsForTheLastProcessOfTheOneBefore() throws IOException, InterruptedException {
    Process process = held("trap 'sleep 1; exit' TERM; echo ready; while :; do sleep 0.1; done");
    try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
      assertThat(lines.readLine()).isEqualTo("ready");
      List<String> steps = new ArrayList<>();
      process.getOutputStream().close();
      BuildStep.awaitLeftOvers(lock(), steps::add);
      assertThat(steps).hasSize(1);
      await().atMost(Duration.ofSeconds(5)).until(() -> !process.isAlive());
    }
  }

  @Test
  void linkedScratchSpaceIsClearedAsWell() throws IOException {
    Path making = Files.createDirectory(directory.resolve("making"));
    Path elsewhere = Files.createDirectory(directory.resolve("belljar-image.0123456789"));
    Path other = Files.createDirectory(directory.resolve("other"));
    Files.createSymbolicLink(making.resolve("work"), elsewhere);
    step(new ArrayList<>()).run(directory.resolve("image/clear.sh"), making);
    assertThat(making).doesNotExist();
    assertThat(elsewhere).doesNotExist();

    Files.createSymbolicLink(Files.createDirectory(making).resolve("work"), other);
    step(new ArrayList<>()).run(directory.resolve("image/clear.sh"), making);
    assertThat(making).doesNotExist();
    assertThat(other).exists();
  }

  /** One that has ended and waits to be reaped does not. */
  private static boolean runs(long pid) {
    try {
      return !Files.readString(Path.of("/proc/" + pid + "/stat")).contains(") Z ");
    } catch (IOException e) {
      return false;
    }
  }

  private Process held(String text) throws IOException {
    return new ProcessBuilder(
            "setsid",
            "bash",
            directory.resolve("image/lifeline.sh").toString(),
            lock().toString(),
            "bash",
            script(text).toString())
        .start();
  }

  private BuildStep step(List<String> steps) {
    return new BuildStep(directory.resolve("image/lifeline.sh"), lock(), steps::add);
  }

  private Path lock() {
    return directory.resolve("lock");
  }

  private Path script(String text) throws IOException {
    return Files.writeString(directory.resolve("step.sh"), text);
  }
}
