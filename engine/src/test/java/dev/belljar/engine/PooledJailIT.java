package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.PoolOptions;
import dev.belljar.SandboxPool;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/** What confines the QEMU of a sandbox whose machine waited. */
@Timeout(300)
@ExtendWith(PooledJailIT.PoolBefore.class)
@SuppressWarnings("NullAway.Init") // before all tests, and before the sandbox is made
class PooledJailIT extends JailIT {
  private static SandboxPool pool;

  /** Comes before the methods that do. */
  static final class PoolBefore implements BeforeAllCallback {
    @Override
    public void beforeAll(ExtensionContext context) throws InterruptedException {
      pool = SandboxPool.open(PoolOptions.of(1, 1));
      assertThat(pool.awaitReady(WithPool.LONGEST_WAIT)).isTrue();
    }
  }

  /** The only machine after that is the sandbox's, which came out of it. */
  @BeforeAll
  static void closePool() {
    pool.close();
    assertThat(pool.status().taken()).isEqualTo(1);
    assertThat(pool.status().missed()).isZero();
  }
}
