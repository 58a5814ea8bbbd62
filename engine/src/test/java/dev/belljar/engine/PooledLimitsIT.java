package dev.belljar.engine;

import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** What holds of a sandbox holds of one whose machine waited. */
@Timeout(300)
@ExtendWith(WithPool.class)
class PooledLimitsIT extends LimitsIT {}
