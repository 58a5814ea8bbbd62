package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The guest's root turns on the agent, or takes its place: its own sandbox ends, and no other. */
@Timeout(120)
class GuestAgentAttackIT {
  private static Sandbox neighbour;

  @BeforeAll
  static void create() {
    neighbour = Sandbox.create();
  }

  @AfterAll
  static void close() {
    neighbour.close();
  }

  @AfterEach
  void theNeighbourAnswers() throws Exception {
    assertThat(
            CompletableFuture.supplyAsync(() -> neighbour.sh("echo fine").text())
                .get(10, TimeUnit.SECONDS))
        .isEqualTo("fine\n");
  }

  /** How many machines there are that are no sandbox's. */
  int waiting() {
    return 0;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "os.urandom(4096)",
        "b'GET / HTTP/1.1\\r\\n\\r\\n'",
        "frame(2, 1, b'\\x00\\x10')",
        "frame(3, 12345, b'\\x00' * 4)",
        "frame(3, 1, b'', 1 << 31)",
        "frame(4, 1, b'\\x00' * 3)",
        "frame(5, 0x90000001, b'\\x01\\x00\\xff\\xff\\xff\\xffx')",
        "frame(5, 0x90000001, by_name('no name', 80))",
        "frame(5, 5, by_name('example.com', 80))",
        "frame(6, 77777)",
        "frame(8, 77777, b'x')",
        "frame(11, 77777, b'\\x7f\\xff\\xff\\xff')",
        "frame(1, 0, b'\\x00' * 8)",
        "frame(200, 0)"
      })
  void garbageInTheAgentsPlaceEndsTheSandboxThatSentIt(String garbage) {
    try (Sandbox own = Sandbox.create()) {
      GuestRoot.start(
          own, "stop_agent()\nos.write(of_agent('vport'), " + garbage + ")\ntime.sleep(60)");
      assertThat(own.awaitEnd()).startsWith("The guest broke the agent protocol: ");
    }
  }

  @Test
  void whoFloodsWithMoreStreamsThanThereMayBeEndsAlone() {
    try (Sandbox own = Sandbox.create(SandboxOptions.builder().noNet().build())) {
      GuestRoot.start(
          own,
          """
          stop_agent()
          channel = of_agent("vport")
          flood = b"".join(frame(5, 0x90000000 + i, by_name("x%d.example" % i, 80)) for i in range(200))
          while True: os.write(channel, flood)
          """);
      assertThat(own.awaitEnd()).isNotBlank();
    }
  }

  @Test
  void anAgentThatIsStoppedDoesNotOutliveTheSandboxesTime() {
    Instant began = Instant.now();
    try (Sandbox own =
        Sandbox.create(SandboxOptions.builder().timeout(Duration.ofSeconds(5)).build())) {
      GuestRoot.start(
          own,
          """
          import signal
          for number in range(1, 65):
              try: signal.signal(number, signal.SIG_IGN)
              except (OSError, ValueError): pass
          stop_agent()
          while True: time.sleep(60)
          """);
      assertThat(own.awaitEnd()).isEqualTo("its lifetime is over");
    }
    assertThat(Duration.between(began, Instant.now())).isLessThan(Duration.ofSeconds(25));
    await().until(() -> HostProcesses.qemus(ProcessHandle.current()).size() == 1 + waiting());
  }

  @Test
  void signalsDoNotEndTheAgent() {
    GuestRoot.python(
        neighbour,
        """
        for number in range(1, 32):
            os.kill(1, number)
        """);
    assertThat(neighbour.sh("echo fine").text()).isEqualTo("fine\n");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        // Its code.
        """
        stop_agent()
        memory = open("/proc/1/mem", "r+b", 0)
        for line in open("/proc/1/maps"):
            if "r-xp" in line and not line.split()[-1].startswith("[v"):
                memory.seek(int(line.split("-")[0], 16))
                memory.write(b"\\xcc" * 4096)
        let_agent_go()
        """,
        // Its channel.
        """
        for device in glob.glob("/sys/bus/virtio/drivers/virtio_console/virtio*"):
            open("/sys/bus/virtio/drivers/virtio_console/unbind", "w").write(os.path.basename(device))
        """,
        // Its disks.
        """
        for disk in ("/dev/vda", "/dev/vdb"):
            subprocess.run(["dd", "if=/dev/urandom", "of=" + disk, "bs=1M", "count=64", "conv=notrunc"])
        os.sync()
        open("/proc/sys/vm/drop_caches", "w").write("3")
        subprocess.run(["ls", "-R", "/usr"])
        """
      })
  void whatRootBreaksIsItsOwnMachine(String script) {
    try (Sandbox own =
        Sandbox.create(SandboxOptions.builder().timeout(Duration.ofSeconds(6)).build())) {
      GuestRoot.start(own, script);
      assertThat(own.awaitEnd()).isNotBlank();
    }
    // The template is as it was.
    try (Sandbox next = Sandbox.create()) {
      assertThat(next.sh("python3 -c 'print(6 * 7)'").text()).isEqualTo("42\n");
    }
  }
}
