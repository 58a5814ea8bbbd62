package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import dev.belljar.ChildProcess;
import dev.belljar.Sandbox;
import dev.belljar.SandboxClosedException;
import dev.belljar.engine.storage.Directories;
import dev.belljar.engine.storage.LeftProcesses;
import dev.belljar.engine.vmm.Cgroups;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What is left when a process dies that holds sandboxes, or a machine dies under its process. */
@Timeout(120)
class KilledHostIT {
  private static final Path RUN = Directories.ofUser().run();

  @Test
  void machinesDieWithTheirProgramAndTheNextOneClearsUp() throws Exception {
    try (Sandbox alive = Sandbox.create()) {
      Set<String> ours = HostProcesses.runDirectories(ProcessHandle.current());
      String theirs;
      List<ProcessHandle> machinery;
      try (HoldingProgram program = HoldingProgram.start(2)) {
        Set<String> directories = HostProcesses.runDirectories(program.handle());
        assertThat(directories).hasSize(1).doesNotContainAnyElementsOf(ours);
        theirs = directories.iterator().next();
        assertThat(HostProcesses.qemus(program.handle())).hasSize(2);
        machinery = HostProcesses.machinery(program.handle());
        program.close(); // SIGKILL
      }
      await()
          .atMost(Duration.ofSeconds(10))
          .untilAsserted(() -> assertThat(machinery).noneMatch(ProcessHandle::isAlive));
      assertThat(RUN.resolve(theirs)).exists();
      assertThat(groups(theirs)).hasSize(2 * Cgroups.ofThisProcess().directories().size());

      try (HoldingProgram next = HoldingProgram.start(0)) {
        next.end();
      }
      try (HoldingProgram next = HoldingProgram.start(1)) {
        assertThat(RUN.resolve(theirs)).doesNotExist();
        assertThat(RUN.resolve(theirs + ".lock")).doesNotExist();
        assertThat(groups(theirs)).isEmpty();
        String nexts = HostProcesses.runDirectories(next.handle()).iterator().next();
        next.end();
        assertThat(RUN.resolve(nexts)).as("a program that ends clears up itself").doesNotExist();
        assertThat(groups(nexts)).isEmpty();
      }
      for (String name : ours) {
        assertThat(RUN.resolve(name)).exists();
      }
      assertThat(alive.sh("echo fine").text()).isEqualTo("fine\n");
    }
  }

  /** As a process is killed in the instant in which a jail does not end with it yet. */
  @Test
  void whatMakesAJailIsEndedByTheNextStartWhereItWasLeft() throws Exception {
    Process ours;
    Process left;
    try (Sandbox alive = Sandbox.create();
        HoldingProgram program = HoldingProgram.start(1)) {
      String theirs = HostProcesses.runDirectories(program.handle()).iterator().next();
      List<ProcessHandle> makers =
          HostProcesses.machinery(program.handle()).stream()
              .filter(process -> !HostProcesses.qemus(program.handle()).contains(process))
              .toList();
      assertThat(makers)
          .isNotEmpty()
          .allSatisfy(
              process ->
                  assertThat(HostProcesses.environment(process.pid()))
                      .contains("BELLJAR_RUN=" + RUN.resolve(theirs) + "/"));
      Set<String> all = HostProcesses.runDirectories(ProcessHandle.current());
      all.remove(theirs);
      String own = all.iterator().next();
      ours = sleepingFor(RUN.resolve(own));
      left = sleepingFor(RUN.resolve(theirs));
      program.close(); // SIGKILL
      try (HoldingProgram next = HoldingProgram.start(1)) {
        assertThat(left.waitFor(10, TimeUnit.SECONDS)).isTrue();
        next.end();
      }
      assertThat(ours.isAlive()).isTrue();
      ours.destroyForcibly().waitFor();
      assertThat(alive.sh("echo fine").text()).isEqualTo("fine\n");
    }
  }

  private static Process sleepingFor(Path run) throws IOException {
    ProcessBuilder builder = new ProcessBuilder("sleep", "300");
    LeftProcesses.mark(builder.environment(), run.resolve("01234567"));
    return builder.start();
  }

  @Test
  void aMachineThatDiesEndsItsSandboxWithTheReason() throws Exception {
    try (Sandbox other = Sandbox.create()) {
      Set<Long> before = Set.of(HostProcesses.ownQemus(1).getFirst().pid());
      Sandbox victim = Sandbox.create();
      ChildProcess child = victim.spawn("sleep", "1000");
      ProcessHandle qemu =
          HostProcesses.qemus(ProcessHandle.current()).stream()
              .filter(process -> !before.contains(process.pid()))
              .findFirst()
              .orElseThrow();
      assertThat(qemu.destroyForcibly()).isTrue();

      assertThat(victim.awaitEnd()).contains("machine ended");
      assertThatExceptionOfType(SandboxClosedException.class)
          .isThrownBy(child::status)
          .withMessageContaining(victim.id());
      assertThatExceptionOfType(SandboxClosedException.class)
          .isThrownBy(() -> victim.spawn("true"))
          .withMessageContaining("machine ended");
      victim.close();
      await().untilAsserted(() -> assertThat(pids()).isEqualTo(before));
      assertThat(other.sh("echo fine").text()).isEqualTo("fine\n");
    }
  }

  @Test
  void noMachineOutlivesItsSandboxsFiles() throws IOException {
    String name;
    try (Sandbox sandbox = Sandbox.create()) {
      assertThat(sandbox.id()).isNotBlank();
      name = HostProcesses.runDirectories(ProcessHandle.current()).iterator().next();
    }
    try (var left = Files.list(RUN.resolve(name))) {
      assertThat(left).isEmpty();
    }
  }

  /** The control groups of the machines of the process that had this run directory. */
  private static List<Path> groups(String run) throws IOException {
    List<Path> found = new ArrayList<>();
    for (Path directory : Cgroups.ofThisProcess().directories()) {
      try (var groups = Files.newDirectoryStream(directory, "belljar-" + run + "-*")) {
        groups.forEach(found::add);
      }
    }
    return found;
  }

  private static Set<Long> pids() {
    return HostProcesses.qemus(ProcessHandle.current()).stream()
        .map(ProcessHandle::pid)
        .collect(java.util.stream.Collectors.toSet());
  }
}
