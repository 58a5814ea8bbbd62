package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.within;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.belljar.BelljarException;
import dev.belljar.ByteSize;
import dev.belljar.EgressRecord;
import dev.belljar.PoolOptions;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.SandboxPool;
import dev.belljar.SandboxUnavailableException;
import dev.belljar.Secret;
import dev.belljar.engine.storage.Directories;
import dev.belljar.engine.storage.FileTree;
import dev.belljar.engine.vmm.Cgroups;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Sandboxes that get machines which waited. */
@Timeout(300)
@SuppressWarnings("NullAway.Init") // by takeStock, before each test
class PoolIT {
  private static final int MANY = Integer.getInteger("belljar.attack.creates", 30);
  private static final Duration LONG = Duration.ofSeconds(60);

  private HostStock before;

  @BeforeEach
  void takeStock() throws IOException {
    before = HostStock.take();
  }

  @AfterEach
  void nothingIsLeft() {
    before.assertNothingMore();
  }

  private static SandboxPool open(int minimum, int maximum) throws InterruptedException {
    SandboxPool pool = SandboxPool.open(PoolOptions.of(minimum, maximum));
    assertThat(pool.awaitReady(LONG)).isTrue();
    return pool;
  }

  @Test
  void aSandboxGetsAMachineThatWaited() throws Exception {
    try (SandboxPool pool = open(1, 2)) {
      long machine = HostProcesses.ownQemus(1).getFirst().pid();
      try (Sandbox sandbox = Sandbox.create()) {
        assertThat(HostProcesses.qemus(ProcessHandle.current()))
            .extracting(ProcessHandle::pid)
            .contains(machine);
        assertThat(sandbox.sh("hostname; pwd; id -un").text())
            .isEqualTo(sandbox.id().replace('_', '-') + "\n/home/app\napp\n");
        // Nothing tells of what it ran before.
        assertThat(sandbox.sh("ps -e --no-headers -o comm | sort | uniq -c").text())
            .doesNotContain("true", "defunct");
      }
      assertThat(pool.status().taken()).isEqualTo(1);
    }
  }

  @Test
  void whatWaitsStepsBackAndWhatIsTakenHasItsFullShare() throws Exception {
    try (SandboxPool pool = open(1, 1)) {
      long machine = HostProcesses.ownQemus(1).getFirst().pid();
      int waiting = share(machine);
      try (Sandbox sandbox = Sandbox.create()) {
        assertThat(sandbox.sh("true").output().status().success()).isTrue();
        assertThat(share(machine)).isGreaterThanOrEqualTo(10 * waiting);
      }
    }
  }

  /** Of processor time, in the units of its control group. */
  private static int share(long pid) throws IOException {
    Cgroups.Place place = Cgroups.ofThisProcess().places().get("cpu");
    assumeTrue(place != null, "no control groups may be made here");
    String own = place.version() == 2 ? "0::.*" : "\\d+:(.*,)?cpu(,.*)?:.*";
    for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/cgroup"))) {
      if (line.matches(own)) {
        Path name = Path.of(line.split(":", 3)[2]).getFileName();
        Path group = place.directory().resolve(name);
        String file = place.version() == 2 ? "cpu.weight" : "cpu.shares";
        return Integer.parseInt(Files.readString(group.resolve(file)).strip());
      }
    }
    throw new AssertionError("it is in no group");
  }

  @Test
  void whatNamesAMachineIsItsOwn() throws Exception {
    String names =
        """
        hostname
        cat /etc/hostname /etc/machine-id /proc/sys/kernel/random/boot_id
        sudo umount /proc/sys/kernel/random/boot_id
        cat /proc/sys/kernel/random/boot_id /proc/sys/kernel/random/uuid
        head -c 16 /dev/urandom | od -An -tx1
        python3 -c 'import uuid; print(uuid.uuid4()); print(hash("text"))'
        """;
    try (SandboxPool pool = open(3, 3);
        Sandbox one = Sandbox.create();
        Sandbox two = Sandbox.create();
        Sandbox three = Sandbox.create()) {
      Set<String> all = new HashSet<>();
      for (Sandbox each : List.of(one, two, three)) {
        List<String> said = each.sh(names).lines();
        // The host name is said twice.
        assertThat(said).hasSize(9);
        assertThat(said.get(0)).isEqualTo(said.get(1)).isNotEqualTo("belljar");
        said.subList(1, 9).forEach(line -> assertThat(all.add(line)).as(line).isTrue());
      }
      assertThat(pool.status().taken()).isEqualTo(3);
    }
  }

  @Test
  void theClockIsThatOfTheMomentInWhichItIsTaken() throws Exception {
    try (SandboxPool pool = open(1, 1)) {
      TimeUnit.SECONDS.sleep(2);
      try (Sandbox sandbox = Sandbox.create()) {
        double guest = Double.parseDouble(sandbox.sh("date +%s.%N").text().strip());
        assertThat(guest).isCloseTo(Instant.now().toEpochMilli() / 1000.0, within(0.5));
      }
      assertThat(pool.status().taken()).isEqualTo(1);
    }
  }

  @Test
  void policyAndSecretsAreTheSandboxes() throws Exception {
    try (SandboxPool pool = open(2, 2)) {
      SandboxOptions closed = SandboxOptions.builder().noNet().env("NAME", "value").build();
      SandboxOptions some =
          SandboxOptions.builder()
              .allowNet("allowed.example")
              .connectTo(new SandboxOptions.ConnectTo("allowed.example", 80, "127.0.0.1", 9))
              .secret("TOKEN", Secret.of("the value", "allowed.example"))
              .build();
      try (Sandbox none = Sandbox.create(closed);
          Sandbox one = Sandbox.create(some)) {
        String ask = "curl -sS -m 5 http://allowed.example/ 2>&1; echo \"$NAME$TOKEN\"";
        assertThat(none.sh(ask).text()).contains("not resolve", "value\n");
        assertThat(one.sh(ask).text()).doesNotContain("not resolve", "the value");
        assertThat(one.egress()).extracting(EgressRecord::host).contains("allowed.example");
        assertThat(none.egress()).extracting(EgressRecord::host).contains("allowed.example");
      }
      assertThat(pool.status().taken()).isEqualTo(2);
    }
  }

  @Test
  void machinesThatAreKilledWhileTheyWaitAreReplacedAndNotHandedOut() throws Exception {
    try (SandboxPool pool = open(3, 3)) {
      for (int round = 0; round < 5; round++) {
        HostProcesses.machinery(ProcessHandle.current()).forEach(ProcessHandle::destroyForcibly);
        // At once, and a moment later: what it gets must work.
        TimeUnit.MILLISECONDS.sleep(round * 2L);
        try (Sandbox sandbox = Sandbox.create()) {
          assertThat(sandbox.sh("echo here").text()).isEqualTo("here\n");
        }
        assertThat(pool.awaitReady(LONG)).isTrue();
      }
      assertThat(pool.status().discarded()).isGreaterThanOrEqualTo(3);
    }
  }

  @Test
  void ofMachinesThatHangOneIsGivenUpAndASandboxIsRestored() throws Exception {
    try (SandboxPool pool = open(3, 3)) {
      List<ProcessHandle> waiting = HostProcesses.ownQemus(3);
      signal("-STOP", waiting);
      try (Sandbox sandbox = Sandbox.create()) {
        assertThat(sandbox.sh("echo here").text()).isEqualTo("here\n");
        assertThat(pool.status().taken()).isZero();
        assertThat(pool.status().discarded()).isEqualTo(1);
        await().until(() -> waiting.stream().filter(ProcessHandle::isAlive).count() == 2);
      }
    }
  }

  @Test
  void aCreateThatIsInterruptedEndsAtOnceAndTakesOneMachineAtMost() throws Exception {
    try (SandboxPool pool = open(3, 3)) {
      List<ProcessHandle> waiting = HostProcesses.ownQemus(3);
      signal("-STOP", waiting);
      FutureTask<RuntimeException> failure =
          new FutureTask<>(() -> catchThrowableOfType(RuntimeException.class, Sandbox::create));
      Thread creator = Thread.ofPlatform().start(failure);
      await().until(() -> pool.status().waiting() == 2);
      creator.interrupt();
      assertThat(failure.get(20, TimeUnit.SECONDS))
          .isInstanceOf(BelljarException.class)
          .isNotInstanceOf(SandboxUnavailableException.class)
          .hasMessageContaining("Interrupted");
      assertThat(pool.status().discarded()).isEqualTo(1);
      await().until(() -> waiting.stream().filter(ProcessHandle::isAlive).count() == 2);
      signal("-CONT", waiting.stream().filter(ProcessHandle::isAlive).toList());
      assertThat(pool.awaitReady(LONG)).isTrue();
      try (Sandbox next = Sandbox.create()) {
        assertThat(next.sh("echo fine").text()).isEqualTo("fine\n");
      }
      assertThat(pool.status().taken()).isEqualTo(1);
    }
  }

  private static void signal(String which, List<ProcessHandle> processes) throws Exception {
    List<String> command = new ArrayList<>(List.of("kill", which));
    processes.forEach(process -> command.add(Long.toString(process.pid())));
    assertThat(new ProcessBuilder(command).start().waitFor()).isZero();
  }

  @Test
  void oneWhoMakesSandboxesWithoutEndDoesNotKeepThePoolEmpty() throws Exception {
    try (SandboxPool pool = open(1, 4)) {
      await()
          .atMost(LONG)
          .until(
              () -> {
                try (Sandbox sandbox = Sandbox.create()) {
                  assertThat(sandbox.sh("echo here").text()).isEqualTo("here\n");
                }
                return pool.status().taken() >= 8;
              });
    }
  }

  @Test
  @Timeout(1800)
  void manyOneAfterAnotherAndAtOnceEachGetTheirOwn() throws Exception {
    Set<String> ids = new HashSet<>();
    try (SandboxPool pool = open(2, 4)) {
      for (int i = 0; i < MANY; i++) {
        assertThat(pool.awaitReady(LONG)).isTrue();
        try (Sandbox sandbox = Sandbox.create()) {
          assertThat(ids.add(sandbox.sh("cat /etc/machine-id").text())).isTrue();
          assertThat(sandbox.sh("ls /home/app").text()).isEmpty();
          sandbox.fs().writeTextFile("mine", "for nobody else");
        }
      }
      assertThat(pool.status().taken()).isGreaterThanOrEqualTo(MANY - MANY / 20);
      List<FutureTask<String>> atOnce = new ArrayList<>();
      for (int i = 0; i < 12; i++) {
        atOnce.add(
            new FutureTask<>(
                () -> {
                  try (Sandbox sandbox = Sandbox.create()) {
                    return sandbox.sh("cat /etc/machine-id; ls").text();
                  }
                }));
      }
      atOnce.forEach(Thread.ofVirtual()::start);
      for (FutureTask<String> one : atOnce) {
        assertThat(ids.add(one.get(60, TimeUnit.SECONDS))).isTrue();
      }
      var status = pool.status();
      assertThat(status.taken() + status.missed()).isEqualTo(MANY + 12);
    }
  }

  @Test
  void othersThanThoseOfItsSizesAreMadeAsEver() throws Exception {
    try (SandboxPool pool = open(1, 1);
        Sandbox smaller =
            Sandbox.create(
                SandboxOptions.builder().memory(ByteSize.parse("1024MiB")).vcpus(1).build())) {
      assertThat(smaller.sh("nproc").text()).isEqualTo("1\n");
      assertThat(pool.status().taken()).isZero();
    }
  }

  @Test
  void aMachineThatWaitedCanBeSavedAndGoesOn() throws Exception {
    String name = "pooled-" + ProcessHandle.current().pid();
    try (SandboxPool pool = open(1, 1)) {
      var storage = LocalEngine.instance().storage(dev.belljar.spi.Tenant.OWN);
      try (Sandbox sandbox = Sandbox.create()) {
        sandbox.sh("echo kept > /tmp/kept").text();
        sandbox.checkpoint(name);
      }
      try (Sandbox copy = Sandbox.create(SandboxOptions.builder().checkpoint(name).build())) {
        assertThat(copy.sh("cat /tmp/kept").text()).isEqualTo("kept\n");
      } finally {
        storage.checkpoints().delete(name);
      }
      assertThat(pool.status().taken()).isEqualTo(1);
    }
  }

  @Test
  void templatesThatAreMadeAnewUnderItAreUsedFromThenOn(@TempDir Path cache) throws Exception {
    Directories own = new Directories(cache.resolve("cache"));
    own.makeAll();
    // Images and jails as they are; templates of its own.
    for (Path shared : List.of(Directories.ofUser().images(), Directories.ofUser().jails())) {
      FileTree.delete(own.images().resolveSibling(shared.getFileName()));
      Files.createSymbolicLink(own.images().resolveSibling(shared.getFileName()), shared);
    }
    LocalEngine engine = new LocalEngine(own, step -> {});
    try (SandboxPool pool = engine.openPool(PoolOptions.of(1, 1))) {
      assertThat(pool.awaitReady(LONG)).isTrue();
      FileTree.delete(own.templates());
      for (int i = 0; i < 2; i++) {
        try (Sandbox sandbox =
            engine.create(SandboxOptions.builder().build(), dev.belljar.spi.Tenant.OWN)) {
          assertThat(sandbox.sh("cat /etc/hostname; ls /usr/bin | grep -c deno").noThrow().text())
              .startsWith(sandbox.id().replace('_', '-'));
          assertThat(sandbox.sh("node -p 6*7").text()).isEqualTo("42\n");
        }
        assertThat(pool.awaitReady(LONG)).isTrue();
      }
      assertThat(pool.status().taken()).isPositive();
      assertThat(own.templates()).isNotEmptyDirectory();
    } finally {
      engine.end();
    }
  }

  @Test
  void aProcessHasOnePoolAndAnotherWhenThatIsClosed() throws Exception {
    try (SandboxPool pool = open(1, 1)) {
      assertThatIllegalStateException().isThrownBy(() -> SandboxPool.open(PoolOptions.of(1, 1)));
      assertThat(pool.status().waiting()).isEqualTo(1);
    }
    await().until(() -> HostProcesses.machinery(ProcessHandle.current()).isEmpty());
    try (SandboxPool pool = open(1, 1)) {
      assertThat(pool.status().waiting()).isEqualTo(1);
    }
  }

  @Test
  void aSandboxThatIsClosedOrRunsDoesNotMindThatThePoolCloses() throws Exception {
    try (SandboxPool pool = open(1, 1);
        Sandbox sandbox = Sandbox.create()) {
      pool.close();
      assertThat(sandbox.sh("echo on").text()).isEqualTo("on\n");
    }
  }
}
