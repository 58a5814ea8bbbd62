package dev.belljar.engine.egress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

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
    assertThat(quota.connect()).isEmpty();
    assertThat(quota.connect()).isEmpty();
    assertThat(quota.connect().orElseThrow()).contains("there are 2 connections");
    quota.disconnected();
    assertThat(quota.connect()).isEmpty();
  }

  @Test
  void whoComesTooFastWaits() throws Exception {
    EgressQuota quota = quota(500, 20, 0);
    long began = System.nanoTime();
    for (int i = 0; i < 30; i++) {
      assertThat(quota.lookup()).isEmpty();
    }
    // A second's worth at once, the rest at its pace.
    assertThat(Duration.ofNanos(System.nanoTime() - began)).isGreaterThan(Duration.ofMillis(400));
  }

  @Test
  void whoWouldWaitTooLongIsRefused() throws Exception {
    EgressQuota quota = quota(500, 1, 0);
    assertThat(quota.lookup()).isEmpty();
    Thread[] waiting = new Thread[12];
    for (int i = 0; i < waiting.length; i++) {
      waiting[i] =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      quota.lookup();
                    } catch (InterruptedException e) {
                      Thread.currentThread().interrupt();
                    }
                  });
    }
    org.awaitility.Awaitility.await()
        .until(() -> quota.lookup().filter(text -> text.contains("1 per second")).isPresent());
    for (Thread thread : waiting) {
      thread.interrupt();
      thread.join();
    }
  }

  @Test
  void afterTheLastByteNothingGoes() throws Exception {
    EgressQuota quota = quota(10, 1000, 1000);
    assertThat(quota.connect()).isEmpty();
    quota.carried(1000);
    assertThat(quota.connect().orElseThrow()).contains("its limit");
    assertThatThrownBy(() -> quota.carried(1))
        .isInstanceOf(EgressQuota.ExhaustedException.class)
        .hasMessageContaining("its limit");
  }
}
