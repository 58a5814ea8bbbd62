package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.belljar.Sandbox;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(180)
class IdleMachineIT {
  private static final Duration LOOK = Duration.ofSeconds(5);

  /** A timer that nobody needs would be 18 or more in each second. */
  private static final long FEW = 5 * LOOK.toSeconds();

  @Test
  void itIsSeldomWoken() throws IOException {
    try (Sandbox sandbox = Sandbox.create()) {
      assertThat(sandbox.sh("echo ready").text()).isEqualTo("ready\n");
      Path machine = Path.of("/proc", Long.toString(HostProcesses.ownQemus(1).getFirst().pid()));
      await().atMost(Duration.ofMinutes(2)).until(() -> wakesWithin(machine) < FEW);
    }
  }

  @Test
  void whatItFreedIsTheHostsAgain() throws IOException {
    try (Sandbox sandbox = Sandbox.create()) {
      Path machine = Path.of("/proc", Long.toString(HostProcesses.ownQemus(1).getFirst().pid()));
      assertThat(sandbox.sh("python3 -c 'x = b\"1\" * 300_000_000; print(len(x))'").text())
          .isEqualTo("300000000\n");
      await()
          .atMost(Duration.ofMinutes(1))
          .untilAsserted(() -> assertThat(ownMebibytes(machine)).isLessThan(200));
      // And it may be used once more, with what is written then.
      assertThat(
              sandbox
                  .sh("python3 -c 'x = b\"2\" * 300_000_000; print(x.count(b\"2\"), x[-1:])'")
                  .text())
          .isEqualTo("300000000 b'2'\n");
    }
  }

  /** What only this process has of memory (proc_pid_smaps(5)). */
  private static long ownMebibytes(Path process) throws IOException {
    return Files.readAllLines(process.resolve("smaps_rollup")).stream()
        .filter(line -> line.startsWith("Private_Dirty:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) / 1024)
        .sum();
  }

  private static long wakesWithin(Path process) throws Exception {
    long before = wakes(process);
    Thread.sleep(LOOK);
    return wakes(process) - before;
  }

  /** How often its threads have waited for something and gone on (proc_pid_status(5)). */
  private static long wakes(Path process) throws IOException {
    long all = 0;
    try (DirectoryStream<Path> threads = Files.newDirectoryStream(process.resolve("task"))) {
      for (Path thread : threads) {
        all +=
            Files.readAllLines(thread.resolve("status")).stream()
                .filter(line -> line.startsWith("voluntary_ctxt_switches:"))
                .mapToLong(line -> Long.parseLong(line.substring(line.indexOf(':') + 1).strip()))
                .sum();
      }
    }
    return all;
  }
}
