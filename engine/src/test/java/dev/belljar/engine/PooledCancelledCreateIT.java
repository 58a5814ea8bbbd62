package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.PoolOptions;
import dev.belljar.Sandbox;
import dev.belljar.SandboxPool;
import java.io.IOException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** As {@link CancelledCreateIT}, of creates that find a machine which waited. */
@Timeout(300)
@SuppressWarnings("NullAway.Init") // by takeStock, before each test
class PooledCancelledCreateIT {
  private static final int MOMENTS = 25;

  private HostStock before;

  @BeforeEach
  void takeStock() throws IOException {
    before = HostStock.take();
  }

  @AfterEach
  void nothingIsLeft() {
    before.assertNothingMore();
  }

  private static void awaitReady(SandboxPool pool) throws InterruptedException {
    assertThat(pool.awaitReady(WithPool.LONGEST_WAIT)).isTrue();
  }

  @Test
  void aCreateThatIsInterruptedAtAnyMomentLeavesNothingAndTheNextOneHasAMachineOfItsOwn()
      throws Exception {
    try (SandboxPool pool = SandboxPool.open(PoolOptions.of(2, 2))) {
      awaitReady(pool);
      long began = System.nanoTime();
      Sandbox.create().close();
      long whole = (System.nanoTime() - began) * 5 / 4;
      int cancelled = 0;
      for (int i = 0; i < MOMENTS; i++) {
        awaitReady(pool);
        long due = System.nanoTime() + whole * i / MOMENTS;
        if (CancelledCreateIT.interrupted(() -> System.nanoTime() - due >= 0, i % 2 == 0)) {
          cancelled++;
        }
      }
      assertThat(cancelled).as("those that were not done yet").isPositive();
      // Those that were done, and of the others all that had come so far as to take one.
      assertThat(pool.status().taken()).isGreaterThan(MOMENTS - cancelled);
      awaitReady(pool);
      long taken = pool.status().taken();
      try (Sandbox next = Sandbox.create()) {
        assertThat(next.sh("ls -A /home/app/mine 2>/dev/null; echo fine").text())
            .isEqualTo("fine\n");
      }
      assertThat(pool.status().taken()).isEqualTo(taken + 1);
    }
  }
}
