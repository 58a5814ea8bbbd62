package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.belljar.PoolOptions;
import dev.belljar.Sandbox;
import dev.belljar.SandboxPool;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What makes a machine a sandbox's own comes when it is taken: what it has while it waits is made
 * wrong here, or looked at, and is not there any more after that.
 */
@Timeout(300)
class HandOverIT {
  private static final String NAMES =
      "hostname; cat /etc/hostname /etc/machine-id /proc/sys/kernel/random/boot_id";

  private static SandboxPool open(boolean deno) throws InterruptedException {
    SandboxPool pool = SandboxPool.open(PoolOptions.of(1, 1).withDeno(deno));
    assertThat(pool.awaitReady(WithPool.LONGEST_WAIT)).isTrue();
    return pool;
  }

  private static ReadyMachine onlyOne(SandboxPool pool) {
    List<ReadyMachine> waiting = WaitingMachines.of(pool);
    assertThat(waiting).hasSize(1);
    return waiting.getFirst();
  }

  private static void assertTaken(SandboxPool pool, ReadyMachine machine) {
    assertThat(pool.status().taken()).isEqualTo(1);
    assertThat(pool.status().missed()).isZero();
    assertThat(machine.isAlive()).isTrue();
  }

  /** As when the host's clock is set while it waits: to the guest, the two differ by as much. */
  @ParameterizedTest
  @ValueSource(longs = {-3600, 86_400})
  void whenTheHostsClockIsSetWhileItWaitsItsOwnIsRightWhenItIsTaken(long seconds) throws Exception {
    try (SandboxPool pool = open(true)) {
      ReadyMachine machine = onlyOne(pool);
      Instant set = Instant.now().plusSeconds(seconds);
      machine.machine().agent().setClock(set);
      assertThat(Long.parseLong(WaitingMachines.run(machine, "date +%s").strip()))
          .isBetween(set.getEpochSecond(), set.getEpochSecond() + 60);
      Instant before = Instant.now();
      try (Sandbox sandbox = Sandbox.create()) {
        String guest = sandbox.sh("date +%s").text().strip();
        Object ofDeno = Objects.requireNonNull(sandbox.deno().eval("Date.now()"));
        long after = Instant.now().getEpochSecond() + 1;
        assertThat(Long.parseLong(guest)).isBetween(before.getEpochSecond() - 1, after);
        assertThat((Long) ofDeno / 1000).isBetween(before.getEpochSecond() - 1, after);
        assertTaken(pool, machine);
      }
    }
  }

  @Test
  void whatNamedItWhileItWaitedNamesItNoMore() throws Exception {
    try (SandboxPool pool = open(false)) {
      ReadyMachine machine = onlyOne(pool);
      List<String> before = WaitingMachines.run(machine, NAMES).lines().toList();
      try (Sandbox sandbox = Sandbox.create()) {
        List<String> after = sandbox.sh(NAMES).lines();
        assertThat(after).hasSize(4).doesNotContainAnyElementsOf(before);
        assertThat(after).startsWith(sandbox.id().replace('_', '-'));
        assertTaken(pool, machine);
      }
    }
  }

  /** What the kernel draws from cannot be seen; that it was not given anew can be brought about. */
  @Test
  void oneThatIsNotGivenNewRandomnessWhenItIsTakenIsNotHandedOut() throws Exception {
    try (SandboxPool pool = open(false)) {
      ReadyMachine machine = onlyOne(pool);
      WaitingMachines.run(machine, "rm /dev/urandom; echo always the same > /dev/urandom");
      try (Sandbox sandbox = Sandbox.create()) {
        assertThat(sandbox.sh("test -c /dev/urandom && echo it is one").text())
            .isEqualTo("it is one\n");
        await().until(() -> !machine.isAlive());
      }
    }
  }
}
