package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpServer;
import dev.belljar.BelljarException;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.WriteOptions;
import dev.belljar.engine.storage.Directories;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** QEMU, the program or the agent is killed while something goes on. */
@Timeout(180)
class KilledAtAnyMomentIT {

  @Test
  void aMachineThatIsKilledWhileItIsMadeFailsItsCreateAndNothingElse() throws Exception {
    HostStock before = HostStock.take();
    for (int i = 0; i < 12; i++) {
      FutureTask<Sandbox> create = new FutureTask<>(Sandbox::create);
      Thread.ofVirtual().start(create);
      while (!create.isDone() && HostProcesses.machinery(ProcessHandle.current()).isEmpty()) {
        Thread.onSpinWait();
      }
      TimeUnit.MILLISECONDS.sleep(i * 8L);
      // A process that becomes another program just now has no command line for an instant.
      List<ProcessHandle> victims = List.of();
      while (victims.isEmpty()) {
        victims = HostProcesses.machinery(ProcessHandle.current());
      }
      victims.forEach(ProcessHandle::destroyForcibly);
      try (Sandbox made = create.get(40, TimeUnit.SECONDS)) {
        assertThat(made.awaitEnd()).contains("machine ended");
      } catch (java.util.concurrent.ExecutionException e) {
        assertThat(e).hasCauseInstanceOf(BelljarException.class);
      }
    }
    before.assertNothingMore();
  }

  @Test
  void aMachineThatIsKilledDuringABigWriteEndsTheWrite() throws Exception {
    HostStock before = HostStock.take();
    try (Sandbox victim = Sandbox.create()) {
      CountDownLatch flowing = new CountDownLatch(1);
      FutureTask<@Nullable Void> write =
          new FutureTask<>(
              () -> {
                try (var out = victim.fs().newOutputStream("/home/app/big", WriteOptions.DEFAULT)) {
                  for (int i = 0; i < 4096; i++) {
                    out.write(new byte[1 << 20]);
                    flowing.countDown();
                  }
                }
                return null;
              });
      Thread.ofVirtual().start(write);
      flowing.await();
      HostProcesses.qemus(ProcessHandle.current()).forEach(ProcessHandle::destroyForcibly);
      assertThat(victim.awaitEnd()).contains("machine ended");
      assertThat(write)
          .failsWithin(Duration.ofSeconds(20))
          .withThrowableThat()
          .withMessageContaining("machine ended");
    }
    before.assertNothingMore();
  }

  @Test
  void aMachineThatIsKilledDuringEgressLeavesNoConnection() throws Exception {
    HostStock before = HostStock.take();
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    CountDownLatch asked = new CountDownLatch(1);
    CountDownLatch gone = new CountDownLatch(1);
    server.createContext(
        "/",
        exchange -> {
          exchange.sendResponseHeaders(200, 0);
          asked.countDown();
          try (var body = exchange.getResponseBody()) {
            while (true) {
              body.write(new byte[64 << 10]);
            }
          } catch (IOException e) {
            gone.countDown();
          }
        });
    server.setExecutor(java.util.concurrent.Executors.newVirtualThreadPerTaskExecutor());
    server.start();
    try (Sandbox victim =
        Sandbox.create(
            SandboxOptions.builder()
                .local()
                .allowNet("files.example.com")
                .connectTo("files.example.com:80:127.0.0.1:" + server.getAddress().getPort())
                .build())) {
      victim.spawn("curl", "-s", "-o", "/dev/null", "http://files.example.com/");
      assertThat(asked.await(20, TimeUnit.SECONDS)).isTrue();
      HostProcesses.qemus(ProcessHandle.current()).forEach(ProcessHandle::destroyForcibly);
      assertThat(victim.awaitEnd()).contains("machine ended");
      assertThat(gone.await(20, TimeUnit.SECONDS)).as("the server sees its client go").isTrue();
    } finally {
      server.stop(0);
    }
    before.assertNothingMore();
  }

  @Test
  void anAgentThatIsKilledByRootEndsItsOwnSandbox() throws Exception {
    HostStock before = HostStock.take();
    try (Sandbox other = Sandbox.create();
        Sandbox victim = Sandbox.create()) {
      // The first process of a machine cannot be killed by a signal; its memory can be taken.
      victim.spawn("sudo", "sh", "-c", "kill -9 1; kill -SEGV 1; echo c > /proc/sysrq-trigger");
      assertThat(victim.awaitEnd()).isNotBlank();
      assertThat(other.sh("echo fine").text()).isEqualTo("fine\n");
    }
    before.assertNothingMore();
  }

  @Test
  void aProgramThatIsKilledAtAnyMomentLeavesNothingAfterTheNextStart() throws Exception {
    for (int delay : List.of(150, 300, 400, 500, 600, 700, 800, 900, 1100)) {
      Process program =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "--enable-native-access=ALL-UNNAMED",
                  "-cp",
                  System.getProperty("java.class.path"),
                  HoldingProgram.class.getName(),
                  "3")
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start();
      TimeUnit.MILLISECONDS.sleep(delay);
      List<ProcessHandle> machinery = HostProcesses.machinery(program.toHandle());
      // What Ctrl-C does to it, and what it can do nothing about.
      assertThat(
              delay % 200 == 0
                  ? program.toHandle().destroy()
                  : program.toHandle().destroyForcibly())
          .isTrue();
      assertThat(program.waitFor(20, TimeUnit.SECONDS)).isTrue();
      await()
          .atMost(Duration.ofSeconds(10))
          .untilAsserted(() -> assertThat(machinery).noneMatch(ProcessHandle::isAlive));
    }
    try (HoldingProgram next = HoldingProgram.start(1)) {
      String lives = HostProcesses.runDirectories(next.handle()).iterator().next();
      // Others may be starting or ending just now.
      await()
          .atMost(Duration.ofSeconds(10))
          .untilAsserted(() -> assertThat(withoutOwner()).doesNotContain(lives).isEmpty());
      next.end();
    }
  }

  /**
   * Run directories whose lock nobody holds; asked of the kernel, as looking would give up ours.
   */
  private static List<String> withoutOwner() throws IOException {
    List<String> found = new ArrayList<>();
    String held = Files.readString(Path.of("/proc/locks"));
    try (var locks = Files.newDirectoryStream(Directories.ofUser().run(), "*.lock")) {
      for (Path lock : locks) {
        if (!held.contains(":" + Files.getAttribute(lock, "unix:ino") + " ")) {
          found.add(String.valueOf(lock.getFileName()).replace(".lock", ""));
        }
      }
    }
    return found;
  }
}
