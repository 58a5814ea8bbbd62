package dev.belljar.engine.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class LeftProcessesTest {
  @TempDir Path directory;

  @Test
  void whatNobodyCollectsHasEndedNevertheless() throws Exception {
    // The shell becomes a program that never waits for the shell's child.
    ProcessBuilder careless =
        new ProcessBuilder(
            "sh", "-c", "BELLJAR_RUN=$0/one sleep 60 & exec sleep 60", directory.toString());
    Process parent = careless.start();
    try {
      ProcessHandle child =
          Awaitility.await()
              .until(() -> parent.children().findFirst(), children -> children.isPresent())
              .orElseThrow();
      Path environment = Path.of("/proc/" + child.pid() + "/environ");
      Awaitility.await()
          .until(() -> Files.readString(environment).contains("BELLJAR_RUN=" + directory + "/one"));
      LeftProcesses.end(directory);
      assertThat(Files.readString(Path.of("/proc/" + child.pid() + "/stat"))).contains(") Z ");
      assertThat(parent.isAlive()).isTrue();
    } finally {
      parent.destroyForcibly().waitFor();
    }
  }
}
