package dev.belljar.engine.vmm;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** That this host's kernel keeps to the limits of a group, where groups may be made. */
@Timeout(60)
class CgroupLimitsIT {
  private final Cgroups cgroups = Cgroups.ofThisProcess();

  @Test
  void aProcessThatTakesMoreMemoryThanItsGroupMayIsKilled() throws Exception {
    assumeTrue(
        Files.readAllLines(Path.of("/proc/swaps")).size() <= 1, "memory is not all there is");
    Cgroups.Place place = place("memory");
    String file = place.version() == 2 ? "memory.max" : "memory.limit_in_bytes";
    Ended ended = limited(place, file, Long.toString(32L << 20), "exec tail /dev/zero");
    assertThat(ended.status()).isEqualTo(128 + 9);
  }

  @Test
  void aProcessCannotForkBeyondWhatItsGroupMay() throws Exception {
    Ended ended =
        limited(
            place("pids"),
            "pids.max",
            "3",
            "for i in 1 2 3 4 5 6 7 8; do sleep 1 & done 2>/dev/null; echo all");
    assertThat(ended.said()).doesNotContain("all");
  }

  /** A shell that runs the script once it is in a new group, which is removed after it. */
  private static Ended limited(Cgroups.Place place, String file, String value, String script)
      throws IOException {
    Path group = place.directory().resolve("belljar-test-" + ProcessHandle.current().pid());
    MachineCgroup limits =
        MachineCgroup.make(
            Map.of(group, List.of(new MachineCgroup.Setting(file, value))), "a test");
    Process process =
        new ProcessBuilder("sh", "-c", "read go; " + script).redirectErrorStream(true).start();
    try {
      limits.add(process.pid());
      try (var in = process.outputWriter(UTF_8)) {
        in.write("go\n");
      }
      String said = process.inputReader(UTF_8).lines().collect(Collectors.joining("\n"));
      return new Ended(process.onExit().join().exitValue(), said);
    } finally {
      process.destroyForcibly();
      Awaitility.await()
          .atMost(Duration.ofSeconds(10))
          .untilAsserted(
              () -> {
                limits.remove();
                assertThat(group).doesNotExist();
              });
    }
  }

  private record Ended(int status, String said) {}

  private Cgroups.Place place(String controller) {
    Cgroups.Place place = cgroups.places().get(controller);
    assumeTrue(place != null, () -> cgroups.reasons().get(controller));
    return place;
  }
}
