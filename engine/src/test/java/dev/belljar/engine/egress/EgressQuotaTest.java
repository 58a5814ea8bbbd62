package dev.belljar.engine.egress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.belljar.ByteSize;
import dev.belljar.EgressLimits;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class EgressQuotaTest {
  private static EgressQuota quota(int connections, int perSecond, long bytes) {
    return new EgressQuota(
        new EgressLimits(
            connections,
            perSecond,
            bytes == 0 ? Optional.empty() : Optional.of(new ByteSize(bytes)),
            Duration.ofMinutes(1)));
  }

  @Test
  void oneConnectionTooManyIsRefusedUntilAnotherEnds() throws Exception {
    EgressQuota quota = quota(2, 1000, 0);
    quota.connect();
    quota.connect();
    assertThatThrownBy(quota::connect).hasMessageContaining("there are 2 connections");
    quota.disconnected();
    quota.connect();
  }

  @Test
  void whoComesTooFastWaits() throws Exception {
    EgressQuota quota = quota(500, 20, 0);
    long began = System.nanoTime();
    for (int i = 0; i < 30; i++) {
      quota.lookup();
    }
    // A second's worth at once, the rest at its pace.
    assertThat(Duration.ofNanos(System.nanoTime() - began)).isGreaterThan(Duration.ofMillis(400));
  }

  @Test
  void whoWouldWaitTooLongIsRefused() throws Exception {
    EgressQuota quota = quota(500, 1, 0);
    quota.lookup();
    Thread[] waiting = new Thread[12];
    for (int i = 0; i < waiting.length; i++) {
      waiting[i] =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      quota.lookup();
                    } catch (InterruptedException | EgressQuota.ExhaustedException e) {
                      Thread.currentThread().interrupt();
                    }
                  });
    }
    await()
        .untilAsserted(
            () -> assertThatThrownBy(quota::lookup).hasMessageContaining("1 per second"));
    for (Thread thread : waiting) {
      thread.interrupt();
      thread.join();
    }
  }

  @Test
  void afterTheLastByteNothingGoes() throws Exception {
    EgressQuota quota = quota(10, 1000, 1000);
    quota.connect();
    quota.carried(1000);
    assertThatThrownBy(quota::connect).hasMessageContaining("its limit");
    assertThatThrownBy(() -> quota.carried(1))
        .isInstanceOf(EgressQuota.ExhaustedException.class)
        .hasMessageContaining("its limit");
  }
}
