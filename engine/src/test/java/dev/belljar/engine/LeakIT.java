package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.Sandbox;
import dev.belljar.SandboxClosedException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Many sandboxes leave no process, file, descriptor or thread. */
@Timeout(300)
@SuppressWarnings("NullAway.Init") // by takeStock, before each test
class LeakIT {
  private HostStock before;

  @BeforeEach
  void takeStock() throws IOException {
    before = HostStock.take();
  }

  @AfterEach
  void nothingIsLeft() {
    before.assertNothingMore();
  }

  int many() {
    return 200;
  }

  /** Called before each that is made alone, and before those that are made together. */
  void beforeOneIsMade() throws InterruptedException {}

  @Test
  void manyOneAfterAnotherLeaveNothing() throws Exception {
    for (int i = 0; i < many(); i++) {
      beforeOneIsMade();
      try (Sandbox sandbox = Sandbox.create()) {
        assertThat(sandbox.sh("echo " + i).text()).isEqualTo(i + "\n");
      }
    }
  }

  @Test
  void tenAtOnceLeaveNothing() throws Exception {
    List<FutureTask<String>> runs = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      runs.add(
          new FutureTask<>(
              () -> {
                try (Sandbox sandbox = Sandbox.create()) {
                  return sandbox.id() + sandbox.sh("echo; sleep 1; echo").text();
                }
              }));
    }
    beforeOneIsMade();
    runs.forEach(Thread.ofVirtual()::start);
    List<String> said = new ArrayList<>();
    for (FutureTask<String> one : runs) {
      said.add(one.get(60, TimeUnit.SECONDS));
    }
    assertThat(said).doesNotHaveDuplicates().allMatch(text -> text.endsWith("\n\n"));
  }

  @Test
  void sandboxesClosedWhileBusyLeaveNothing() throws Exception {
    for (int i = 0; i < 10; i++) {
      beforeOneIsMade();
      Sandbox sandbox = Sandbox.create();
      sandbox.spawn("yes");
      sandbox.spawn("sleep", "1000");
      sandbox.fs().newInputStream("/dev/zero");
      Thread.ofVirtual()
          .start(
              () -> {
                try {
                  sandbox.sh("sleep 1000").text();
                } catch (SandboxClosedException e) {
                  // As it must.
                }
              });
      sandbox.close();
    }
  }
}
