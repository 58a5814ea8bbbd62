package dev.belljar.engine.pool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.belljar.SandboxUnavailableException;
import dev.belljar.engine.pool.Admission.Turn;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AdmissionTest {
  @TempDir Path directory;
  private Path information = Path.of("/");

  @BeforeEach
  void muchMemory() throws IOException {
    information = directory.resolve("meminfo");
    available(8_000_000);
  }

  private void available(long kibibytes) throws IOException {
    Files.writeString(
        information,
        "MemTotal: 16000000 kB\nMemFree: 5 kB\nMemAvailable: %d kB\n".formatted(kibibytes));
  }

  private Admission admission(int atOnce, Duration patience) {
    return new Admission(atOnce, patience, HostMemory.of(information, List.of()));
  }

  @Test
  void organizationsTakeTurnsHoweverManyOneWants() throws Exception {
    Admission admission = admission(1, Duration.ofSeconds(30));
    List<String> served = new CopyOnWriteArrayList<>();
    List<Thread> all = new ArrayList<>();
    Turn first = admission.enter("greedy");
    for (int i = 0; i < 20; i++) {
      all.add(waiting(admission, "greedy", served));
    }
    all.add(waiting(admission, "modest", served));
    all.add(waiting(admission, "other", served));
    first.close();
    for (Thread one : all) {
      one.join();
    }
    assertThat(served).hasSize(22);
    assertThat(served.subList(0, 3)).containsExactly("greedy", "modest", "other");
  }

  private static Thread waiting(Admission admission, String who, List<String> served) {
    Thread thread =
        Thread.ofPlatform()
            .start(
                () -> {
                  try (Turn turn = admission.enter(who)) {
                    served.add(who);
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                });
    await().until(() -> thread.getState() == Thread.State.TIMED_WAITING || !thread.isAlive());
    return thread;
  }

  @Test
  void whoWaitsTooLongIsToldAndTakesNobodysTurn() throws Exception {
    Admission admission = admission(1, Duration.ofMillis(50));
    Turn first = admission.enter("a");
    assertThatThrownBy(() -> admission.enter("b"))
        .isInstanceOf(SandboxUnavailableException.class)
        .hasMessageContaining("busy");
    first.close();
    admission.enter("c").close();
    admission.enter("c").close();
  }

  @Test
  void whoIsInterruptedTakesNobodysTurn() throws Exception {
    Admission admission = admission(1, Duration.ofSeconds(30));
    Turn first = admission.enter("a");
    List<String> served = new CopyOnWriteArrayList<>();
    Thread waiter = waiting(admission, "b", served);
    waiter.interrupt();
    waiter.join();
    first.close();
    admission.enter("c").close();
    assertThat(served).isEmpty();
  }

  @Test
  void noMoreThanSoManyWaitOfAllAndOfOne() throws Exception {
    Admission admission = admission(1, Duration.ofSeconds(30));
    Turn first = admission.enter("a");
    List<Thread> all = new ArrayList<>();
    for (int i = 0; i < Admission.LONGEST_OF_ONE; i++) {
      all.add(entering(admission, "a"));
    }
    awaitWaiting(all);
    assertThatThrownBy(() -> admission.enter("a"))
        .isInstanceOf(SandboxUnavailableException.class)
        .hasMessageContaining("250 of your sandboxes wait");
    for (int i = Admission.LONGEST_OF_ONE; i < Admission.LONGEST_QUEUE; i++) {
      all.add(entering(admission, "other " + i / Admission.LONGEST_OF_ONE));
    }
    awaitWaiting(all);
    assertThatThrownBy(() -> admission.enter("b"))
        .isInstanceOf(SandboxUnavailableException.class)
        .hasMessageContaining("1000 sandboxes wait");
    first.close();
    for (Thread one : all) {
      one.join();
    }
    admission.enter("b").close();
  }

  private static Thread entering(Admission admission, String organization) {
    return Thread.ofVirtual()
        .start(
            () -> {
              try {
                admission.enter(organization).close();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
  }

  private static void awaitWaiting(List<Thread> all) {
    await().until(() -> all.stream().allMatch(one -> one.getState() == Thread.State.TIMED_WAITING));
  }

  @Test
  void whereMemoryIsShortOneWaitsForItAndIsToldWhenItDoesNotCome() throws Exception {
    available(900_000);
    Admission admission = admission(2, Duration.ofMillis(300));
    assertThatThrownBy(() -> admission.enter("a"))
        .isInstanceOf(SandboxUnavailableException.class)
        .hasMessageContaining("memory is short");
    Thread later =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    Admission patient = admission(1, Duration.ofSeconds(30));
                    patient.enter("a").close();
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                });
    available(8_000_000);
    later.join();
    admission.enter("a").close();
  }

  @Test
  void theControlGroupWithTheSmallestRoomCounts() throws Exception {
    Path own = group("slice/own", "max", 400 << 20, 0);
    Path above = group("slice", Integer.toString(1 << 30), 900 << 20, 500 << 20);
    HostMemory memory = HostMemory.of(information, List.of(own, above, directory));
    assertThat(memory.available()).isEqualTo(624 << 20);
    Files.writeString(own.resolve("memory.max"), Integer.toString(512 << 20));
    assertThat(memory.available()).isEqualTo(112 << 20);
    assertThat(HostMemory.of(information, List.of(directory)).available())
        .isEqualTo(8_000_000L << 10);
  }

  @Test
  void groupsOfTheFirstVersionCount() throws Exception {
    Path group = Files.createDirectories(directory.resolve("first"));
    Files.writeString(group.resolve("memory.limit_in_bytes"), "1073741824\n");
    Files.writeString(group.resolve("memory.usage_in_bytes"), "1000000000\n");
    Files.writeString(
        group.resolve("memory.stat"), "inactive_file 7\ntotal_inactive_file 500000000\n");
    assertThat(HostMemory.of(information, List.of(group)).available())
        .isEqualTo(1_073_741_824L - 500_000_000L);
  }

  @Test
  void ofAGroupThatIsSmallBesideTheHostMostIsForMachines() throws Exception {
    Files.writeString(information, "MemTotal: 64000000 kB\nMemAvailable: 60000000 kB\n");
    Path own = group("own", Long.toString(2L << 30), 100 << 20, 0);
    HostMemory memory = HostMemory.of(information, List.of(own));
    assertThat(memory.reserve()).isEqualTo(256 << 20);
    assertThat(memory.forOneToWait()).isTrue();
    Files.writeString(own.resolve("memory.max"), "max\n");
    assertThat(memory.reserve()).isEqualTo((64_000_000L << 10) / 16);
  }

  private Path group(String name, String limit, int usage, int droppable) throws IOException {
    Path group = Files.createDirectories(directory.resolve(name));
    Files.writeString(group.resolve("memory.max"), limit + "\n");
    Files.writeString(group.resolve("memory.current"), usage + "\n");
    Files.writeString(group.resolve("memory.stat"), "anon 7\ninactive_file " + droppable + "\n");
    return group;
  }

  @Test
  void oneIsBusyWhileMachinesAreStarted() throws Exception {
    Admission admission = admission(2, Duration.ofSeconds(1));
    assertThat(admission.isBusy()).isFalse();
    Turn starting = admission.enter("a");
    assertThat(admission.isBusy()).isTrue();
    starting.close();
    await().until(() -> !admission.isBusy());
  }

  @Test
  void whoWaitsForHisTurnIsSeen() throws Exception {
    Admission admission = admission(1, Duration.ofSeconds(30));
    Turn first = admission.enter("a");
    assertThat(admission.isAwaited()).isFalse();
    Thread waiter = waiting(admission, "b", new CopyOnWriteArrayList<>());
    assertThat(admission.isAwaited()).isTrue();
    first.close();
    waiter.join();
    assertThat(admission.isAwaited()).isFalse();
  }
}
