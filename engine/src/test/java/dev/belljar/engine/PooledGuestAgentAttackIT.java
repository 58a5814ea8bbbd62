package dev.belljar.engine;

import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What holds of a sandbox holds of one whose machine waited. */
@Timeout(300)
class PooledGuestAgentAttackIT extends GuestAgentAttackIT {
  @RegisterExtension static final WithPool POOL = new WithPool();

  @Override
  int waiting() {
    return POOL.waiting();
  }
}
