package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.PoolOptions;
import dev.belljar.SandboxPool;
import dev.belljar.SandboxPool.Status;
import java.time.Duration;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * The sandboxes of a test class get machines that waited: all that are made before its tests, and
 * of those that a test makes at least the first.
 */
final class WithPool
    implements BeforeAllCallback, BeforeEachCallback, AfterEachCallback, AfterAllCallback {
  /** A machine that is made ready stands back behind all others. */
  static final Duration LONGEST_WAIT = Duration.ofMinutes(3);

  private @Nullable SandboxPool pool;
  private @Nullable Status before;

  @Override
  public void beforeAll(ExtensionContext context) throws InterruptedException {
    pool = SandboxPool.open(PoolOptions.of(2, 4));
    assertThat(open().awaitReady(LONGEST_WAIT)).isTrue();
  }

  @Override
  public void beforeEach(ExtensionContext context) throws InterruptedException {
    if (before == null) {
      assertThat(open().status().missed()).as("made without it before the tests").isZero();
    }
    assertThat(open().awaitReady(LONGEST_WAIT)).isTrue();
    before = open().status();
  }

  @Override
  public void afterEach(ExtensionContext context) {
    Status begun = Objects.requireNonNull(before);
    Status now = open().status();
    if (now.missed() > begun.missed()) {
      assertThat(now.taken()).as("the first one came from it").isGreaterThan(begun.taken());
    }
  }

  @Override
  public void afterAll(ExtensionContext context) {
    if (pool != null) {
      pool.close();
      assertThat(pool.status().taken()).isPositive();
    }
  }

  /** How many machines wait. */
  int waiting() {
    return open().status().waiting();
  }

  private SandboxPool open() {
    return Objects.requireNonNull(pool);
  }
}
