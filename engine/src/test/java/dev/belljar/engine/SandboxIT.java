package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;

import dev.belljar.BelljarException;
import dev.belljar.ChildProcess;
import dev.belljar.InvalidOptionException;
import dev.belljar.Isolation;
import dev.belljar.Sandbox;
import dev.belljar.SandboxClosedException;
import dev.belljar.SandboxOptions;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(180)
class SandboxIT {
  private static Sandbox sandbox;

  @BeforeAll
  static void create() {
    sandbox =
        Sandbox.create(
            SandboxOptions.builder().label("purpose", "test").env("GIVEN", "at creation").build());
  }

  @AfterAll
  static void close() {
    sandbox.close();
  }

  @Test
  void saysWhoItIs() {
    assertThat(sandbox.id()).matches("sbx_loc_[0-9a-z]{20}");
    assertThat(sandbox.toString()).contains(sandbox.id());
    assertThat(sandbox.labels()).isEqualTo(Map.of("purpose", "test"));
  }

  @Test
  void saysWhatSeparatesItFromTheHost() {
    Isolation isolation = sandbox.isolation();
    assertThat(isolation.engine()).startsWith("QEMU ");
    assertThat(isolation.accelerator()).isIn("kvm", "tcg");
    assertThat(isolation.hardware()).isEqualTo(isolation.accelerator().equals("kvm"));
    assertThat(isolation.jail()).contains("bubblewrap").contains("seccomp");
    assertThat(isolation.image()).isNotBlank();
  }

  @Test
  void theClockIsTheHosts() {
    Instant before = Instant.now();
    Instant guest =
        Instant.ofEpochSecond(0, Long.parseLong(sandbox.sh("date +%s%N").text().strip()));
    assertThat(guest).isBetween(before.minusSeconds(1), Instant.now().plusSeconds(1));
  }

  @Test
  void theClockStepsInMicroseconds() {
    String smallest =
        sandbox
            .spawn(
                "python3",
                "-c",
                """
                import time
                t = [time.time_ns() for _ in range(2000)]
                print(min(b - a for a, b in zip(t, t[1:]) if b > a))
                """)
            .output()
            .stdoutText();
    assertThat(Long.parseLong(smallest.strip())).as("nanoseconds").isLessThan(1_000_000);
  }

  @Test
  void environmentReachesProcessesStartedFromThenOn() {
    assertThat(sandbox.env().get("GIVEN")).contains("at creation");
    assertThat(sandbox.sh("echo $GIVEN").text()).isEqualTo("at creation\n");
    sandbox.env().set("LATER", "ü");
    assertThat(sandbox.sh("echo $LATER").text()).isEqualTo("ü\n");
    assertThat(sandbox.env().toMap()).containsEntry("LATER", "ü").containsKey("PATH");
    sandbox.env().delete("LATER");
    sandbox.env().delete("LATER");
    assertThat(sandbox.sh("echo ${LATER-none}").text()).isEqualTo("none\n");
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> sandbox.env().set("A=B", "x"));
  }

  @Test
  void livesUntilItIsClosedUnlessItWasGivenALifetime() {
    assertThat(sandbox.stopAt()).isEqualTo(Instant.MAX);
    assertThat(sandbox.extendTimeout(Duration.ofMinutes(1))).isEqualTo(Instant.MAX);
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> sandbox.extendTimeout(Duration.ZERO));
  }

  @Test
  void aLifetimeCanBeExtendedButNotShortened() {
    try (Sandbox limited = limitedTo(Duration.ofMinutes(2))) {
      Instant first = limited.stopAt();
      assertThat(first).isCloseTo(Instant.now().plusSeconds(120), within(10, ChronoUnit.SECONDS));
      assertThat(limited.extendTimeout(Duration.ofSeconds(1))).isEqualTo(first);
      assertThat(limited.extendTimeout(Duration.ofMinutes(5)))
          .isCloseTo(Instant.now().plusSeconds(300), within(10, ChronoUnit.SECONDS))
          .isEqualTo(limited.stopAt());
      assertThat(limited.extendTimeout(Duration.ofDays(1)))
          .as("thirty minutes at most")
          .isCloseTo(Instant.now().plusSeconds(1800), within(10, ChronoUnit.SECONDS));
    }
  }

  @Test
  void theEndOfTheLifetimeIsTheReasonThatCallersHear() throws Exception {
    try (Sandbox limited = limitedTo(Duration.ofSeconds(2))) {
      ChildProcess child = limited.spawn("sleep", "1000");
      assertThat(limited.awaitEnd()).isEqualTo("its lifetime is over");
      assertClosed(limited, "its lifetime is over");
      assertThatExceptionOfType(SandboxClosedException.class)
          .isThrownBy(child::status)
          .withMessageContaining(limited.id());
      assertThat(child.statusFuture()).failsWithin(Duration.ofSeconds(1));
    }
  }

  @Test
  void closingEndsWhatIsUnderWay() throws Exception {
    Sandbox own = Sandbox.create();
    ChildProcess child = own.spawn("sleep", "1000");
    FutureTask<Object> status = new FutureTask<>(child::status);
    FutureTask<Object> reading = new FutureTask<>(() -> child.stdout().read());
    Thread.ofVirtual().start(status);
    Thread.ofVirtual().start(reading);
    own.close();
    own.close();
    own.kill();
    for (FutureTask<Object> waiting : List.of(status, reading)) {
      assertThatExceptionOfType(java.util.concurrent.ExecutionException.class)
          .isThrownBy(() -> waiting.get(10, TimeUnit.SECONDS));
    }
    assertThat(own.awaitEnd()).isEqualTo("it was closed");
    assertClosed(own, "it was closed");
  }

  @Test
  void killingEndsItAtOnce() {
    Sandbox own = Sandbox.create();
    own.kill();
    assertThat(own.awaitEnd()).isEqualTo("it was killed");
    assertClosed(own, "it was killed");
  }

  @Test
  void anInterruptedThreadIsToldSo() {
    Thread.currentThread().interrupt();
    try {
      assertThatExceptionOfType(BelljarException.class)
          .isThrownBy(Sandbox::create)
          .withMessageStartingWith("Interrupted");
    } finally {
      assertThat(Thread.interrupted()).isTrue();
    }
  }

  @Test
  void noTwoAreTheSame() {
    String identity =
        "hostname; cat /etc/machine-id /proc/sys/kernel/random/boot_id /proc/sys/kernel/random/uuid;"
            + " head -c 16 /dev/urandom | od -An -tx1; python3 -c 'import random; print(random.random())'";
    try (Sandbox other = Sandbox.create()) {
      List<String> one = sandbox.sh(identity).lines();
      List<String> two = other.sh(identity).lines();
      assertThat(one).hasSize(6).doesNotHaveDuplicates().doesNotContainAnyElementsOf(two);
      assertThat(one.getFirst()).isEqualTo(sandbox.id().replace('_', '-'));
      assertThat(other.id()).isNotEqualTo(sandbox.id());
    }
  }

  @Test
  void aFileOfOneIsNotInAnother() {
    sandbox.fs().writeTextFile("/home/app/mine", "x");
    try (Sandbox other = Sandbox.create()) {
      assertThat(other.fs().exists("/home/app/mine")).isFalse();
    }
  }

  @Test
  void theMachineHasTheShapeAskedFor() {
    try (Sandbox small =
        Sandbox.create(SandboxOptions.builder().memory("1GiB").workingDirectory("/tmp").build())) {
      List<String> shape =
          small.sh("nproc; awk '/MemTotal/ {print $2}' /proc/meminfo; pwd").lines();
      assertThat(shape.get(0)).isEqualTo("2");
      assertThat(Long.parseLong(shape.get(1))).isBetween(850_000L, 1_048_576L);
      assertThat(shape.get(2)).isEqualTo("/tmp");
    }
  }

  @Test
  void anInvalidAllowListIsRefusedBeforeAnythingStarts() {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(
            () -> Sandbox.create(SandboxOptions.builder().allowNet("http://example.com").build()))
        .withMessageContaining("http://example.com");
  }

  private static Sandbox limitedTo(Duration lifetime) {
    return Sandbox.create(SandboxOptions.builder().timeout(lifetime).build());
  }

  private static void assertClosed(Sandbox ended, String reason) {
    for (org.assertj.core.api.ThrowableAssert.ThrowingCallable call :
        List.<org.assertj.core.api.ThrowableAssert.ThrowingCallable>of(
            () -> ended.spawn("true"),
            () -> ended.fs().exists("/"),
            () -> ended.fs().writeTextFile("/tmp/x", "x"),
            () -> ended.extendTimeout(Duration.ofMinutes(1)))) {
      assertThatExceptionOfType(SandboxClosedException.class)
          .isThrownBy(call)
          .withMessageContaining(ended.id())
          .withMessageContaining(reason);
    }
  }
}
