package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.engine.agent.Agent;
import dev.belljar.engine.agent.AgentErrorException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What the agent does with the machine itself, asked of a real one. */
@Timeout(60)
class MachineCallsIT {

  @Test
  void statisticsSayWhatTheMachineHas() throws Exception {
    try (Sandbox sandbox = sandbox()) {
      Agent.Statistics statistics = agent(sandbox).statistics();

      assertThat(statistics.memoryTotal()).isBetween(1000L << 20, 1280L << 20);
      assertThat(statistics.memoryAvailable()).isBetween(500L << 20, statistics.memoryTotal());
      assertThat(statistics.diskTotal()).isBetween(9L << 30, 10L << 30);
      assertThat(statistics.diskFree()).isPositive().isLessThanOrEqualTo(statistics.diskTotal());
      assertThat(statistics.uptimeMillis()).isPositive();
      long before = statistics.cpuMicros();
      sandbox.sh("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done").output();
      assertThat(agent(sandbox).statistics().cpuMicros()).isGreaterThan(before);
    }
  }

  @Test
  void aFileSystemIsMountedAndUnmounted() throws Exception {
    try (Sandbox sandbox = sandbox()) {
      Agent agent = agent(sandbox);
      agent.mount("none", "/mnt/extra", "tmpfs", 0, "size=1m,mode=1777");
      sandbox.fs().writeTextFile("/mnt/extra/file", "there");

      assertThat(sandbox.sh("stat -f -c %T /mnt/extra").text()).isEqualTo("tmpfs\n");
      agent.unmount("/mnt/extra", 0);
      assertThat(sandbox.fs().exists("/mnt/extra/file")).isFalse();
      assertThatThrownBy(() -> agent.mount("/dev/nothing", "/mnt/extra", "ext4", 0, ""))
          .isInstanceOf(AgentErrorException.class);
    }
  }

  @Test
  void anOrderlyShutdownEndsTheProcessesAndTheMachine() throws Exception {
    try (Sandbox sandbox = sandbox()) {
      var sleeper = sandbox.spawn("sleep", "100");
      sandbox.fs().writeTextFile("/home/app/last", "words");
      agent(sandbox).shutdown();

      assertThat(sandbox.awaitEnd()).isNotEmpty();
      assertThat(sleeper.statusFuture().handle((status, failure) -> true).get(10, TimeUnit.SECONDS))
          .isTrue();
    }
  }

  private static Sandbox sandbox() {
    return Sandbox.create(SandboxOptions.builder().local().build());
  }

  private static Agent agent(Sandbox sandbox) {
    return ((LocalSandbox) sandbox).agent();
  }
}
