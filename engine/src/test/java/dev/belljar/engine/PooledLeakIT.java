package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.PoolOptions;
import dev.belljar.SandboxPool;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;

/** Many sandboxes whose machines waited, and the pool that they waited in. */
@Timeout(300)
@SuppressWarnings("NullAway.Init") // before each test
class PooledLeakIT extends LeakIT {
  private SandboxPool pool;
  private int due;

  @BeforeEach
  void open() {
    due = 0;
    pool = SandboxPool.open(PoolOptions.of(2, 4));
  }

  @Override
  int many() {
    return 30;
  }

  @Override
  void beforeOneIsMade() throws InterruptedException {
    assertThat(pool.awaitReady(WithPool.LONGEST_WAIT)).isTrue();
    due++;
  }

  /** Before it is looked at what is left. */
  @AfterEach
  void close() {
    pool.close();
    assertThat(due).isPositive();
    assertThat(pool.status().taken()).isGreaterThanOrEqualTo(due);
  }
}
