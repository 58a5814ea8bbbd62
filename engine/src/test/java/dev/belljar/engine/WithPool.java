package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.PoolOptions;
import dev.belljar.SandboxPool;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** The sandboxes of a test class get machines that waited. */
final class WithPool implements BeforeAllCallback, BeforeEachCallback, AfterAllCallback {
  private static final Duration LONGEST_WAIT = Duration.ofSeconds(60);

  private @Nullable SandboxPool pool;

  @Override
  public void beforeAll(ExtensionContext context) throws InterruptedException {
    pool = SandboxPool.open(PoolOptions.of(2, 4));
    assertThat(pool.awaitReady(LONGEST_WAIT)).isTrue();
  }

  @Override
  public void beforeEach(ExtensionContext context) throws InterruptedException {
    SandboxPool open = pool;
    assertThat(open != null && open.awaitReady(LONGEST_WAIT)).isTrue();
  }

  @Override
  public void afterAll(ExtensionContext context) {
    SandboxPool open = pool;
    if (open != null) {
      open.close();
      assertThat(open.status().taken()).isPositive();
    }
  }
}
