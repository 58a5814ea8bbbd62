package dev.belljar.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.ChildProcessStatus;
import dev.belljar.ChildProcessStatus.OutOfMemory;
import dev.belljar.SandboxOptions;
import dev.belljar.Signal;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ProgramEndTest {

  @Test
  void theProgramsOwnExitStatusIsTheCommands() {
    assertThat(new ProgramEnd(ended(3), false).exitStatus()).isEqualTo(3);
    assertThat(new ProgramEnd(ended(0), false).remark(request("1280MiB"))).isEmpty();
  }

  @Test
  void aSignalIs128More() {
    assertThat(new ProgramEnd(killed(OutOfMemory.NO), false).exitStatus()).isEqualTo(137);
  }

  @Test
  void timeThatIsOverIs124() {
    var end = new ProgramEnd(killed(OutOfMemory.NO), true);

    assertThat(end.exitStatus()).isEqualTo(124);
    assertThat(end.remark(request("1280MiB")).orElseThrow()).contains("--timeout 1m30s");
  }

  @Test
  void exhaustedMemoryIsSaidWithWhatWouldHelp() {
    var end = new ProgramEnd(killed(OutOfMemory.CERTAIN), false);

    assertThat(end.exitStatus()).isEqualTo(137);
    assertThat(end.remark(request("1280MiB")).orElseThrow())
        .contains("memory (1.3 GiB) was exhausted; try --memory 2GiB");
    assertThat(end.remark(request("2GiB")).orElseThrow()).contains("try --memory 3GiB");
    assertThat(end.remark(request("4GiB")).orElseThrow()).contains("the most it can have");
  }

  private static ChildProcessStatus ended(int code) {
    return new ChildProcessStatus(code == 0, code, Optional.empty(), OutOfMemory.NO);
  }

  private static ChildProcessStatus killed(OutOfMemory oom) {
    return new ChildProcessStatus(false, 137, Optional.of(Signal.SIGKILL), oom);
  }

  private static RunRequest request(String memory) {
    return new RunRequest(
        Program.ofShellCommand("true", List.of()),
        ServerChoice.named(Optional.empty()),
        SandboxOptions.builder().memory(memory).build(),
        List.of(),
        Optional.empty(),
        Optional.of(Duration.ofSeconds(90)));
  }
}
