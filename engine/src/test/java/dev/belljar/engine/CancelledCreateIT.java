package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.BelljarException;
import dev.belljar.Sandbox;
import dev.belljar.SandboxUnavailableException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whoever waits for a sandbox is interrupted: nothing is left, and the next one is made. */
@Timeout(300)
@SuppressWarnings("NullAway.Init") // by takeStock, before each test
class CancelledCreateIT {
  private HostStock before;

  @BeforeEach
  void takeStock() throws IOException {
    before = HostStock.take();
  }

  /** What can be seen of a machine that is being made, in the order in which it comes. */
  enum Step {
    NOTHING,
    RUN_DIRECTORY,
    DISK,
    MONITOR_SOCKET,
    CHANNEL_SOCKET,
    LOG,
    JAIL,
    QEMU;

    boolean reached(Path run) {
      return switch (this) {
        case NOTHING -> true;
        case RUN_DIRECTORY -> has(run, "");
        case DISK -> has(run, "disk.qcow2");
        case MONITOR_SOCKET -> has(run, "qmp");
        case CHANNEL_SOCKET -> has(run, "channel");
        case LOG -> hasLog(run);
        case JAIL -> !HostProcesses.machinery(ProcessHandle.current()).isEmpty();
        case QEMU -> !HostProcesses.qemus(ProcessHandle.current()).isEmpty();
      };
    }

    private static boolean hasLog(Path run) {
      try (Stream<Path> files = Files.list(run)) {
        return files.anyMatch(file -> file.toString().endsWith(".log"));
      } catch (IOException e) {
        return false;
      }
    }

    private static boolean has(Path run, String file) {
      try (Stream<Path> machines = Files.list(run)) {
        return machines.anyMatch(machine -> Files.exists(machine.resolve(file)));
      } catch (IOException e) {
        return false;
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Step.class)
  void aCreateThatIsInterruptedAtThatStepLeavesNothing(Step step) throws Exception {
    for (int i = 0; i < 5; i++) {
      interrupted(() -> step.reached(before.run()), i % 2 == 0);
    }
    assertNothingIsLeftAndTheNextOneIsMade();
  }

  @Test
  void aCreateThatIsInterruptedAtAnyMomentLeavesNothing() throws Exception {
    interruptedAtMoments(60);
  }

  @Test
  @Tag("attacks")
  void aCreateThatIsInterruptedAtOneOfAThousandMomentsLeavesNothing() throws Exception {
    interruptedAtMoments(1000);
  }

  private void interruptedAtMoments(int moments) throws Exception {
    long began = System.nanoTime();
    Sandbox.create().close();
    long whole = (System.nanoTime() - began) * 5 / 4;
    int cancelled = 0;
    for (int i = 0; i < moments; i++) {
      long due = System.nanoTime() + whole * i / moments;
      if (interrupted(() -> System.nanoTime() - due >= 0, i % 2 == 0)) {
        cancelled++;
      }
    }
    assertThat(cancelled).as("those that were not done yet").isGreaterThan(moments / 4);
    assertNothingIsLeftAndTheNextOneIsMade();
  }

  private void assertNothingIsLeftAndTheNextOneIsMade() {
    before.assertNothingMore();
    try (Sandbox next = Sandbox.create()) {
      assertThat(next.sh("echo fine").text()).isEqualTo("fine\n");
    }
    before.assertNothingMore();
  }

  /** Makes a sandbox and interrupts that once it is time; whether that came before the end. */
  static boolean interrupted(BooleanSupplier due, boolean virtual) throws Exception {
    AtomicReference<@Nullable RuntimeException> failure = new AtomicReference<>();
    AtomicReference<@Nullable Sandbox> made = new AtomicReference<>();
    Runnable creation =
        () -> {
          try {
            made.set(Sandbox.create());
          } catch (RuntimeException e) {
            failure.set(e);
          }
        };
    Thread creator =
        virtual ? Thread.ofVirtual().start(creation) : Thread.ofPlatform().start(creation);
    while (creator.isAlive() && !due.getAsBoolean()) {
      LockSupport.parkNanos(100_000);
    }
    creator.interrupt();
    assertThat(creator.join(Duration.ofSeconds(30))).as("it is heard").isTrue();
    Sandbox sandbox = made.get();
    if (sandbox != null) {
      sandbox.close();
    } else {
      assertThat(failure.get())
          .isInstanceOf(BelljarException.class)
          .isNotInstanceOf(SandboxUnavailableException.class)
          .hasMessageContaining("nterrupted");
    }
    return sandbox == null;
  }
}
