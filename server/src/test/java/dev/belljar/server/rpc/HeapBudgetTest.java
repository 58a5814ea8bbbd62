package dev.belljar.server.rpc;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class HeapBudgetTest {
  private final HeapBudget whole = new HeapBudget(1000);

  @Test
  void aShareLeavesSomethingToTheOthers() {
    HeapBudget greedy = whole.share();
    HeapBudget modest = whole.share();
    assertThat(greedy.tryTake(751)).isFalse();
    assertThat(greedy.tryTake(750)).isTrue();
    assertThat(greedy.tryTake(1)).isFalse();
    assertThat(modest.tryTake(250)).isTrue();
    assertThat(modest.tryTake(1)).isFalse();
    assertThat(whole.held()).isEqualTo(1000);
    greedy.give(750);
    assertThat(modest.tryTake(1)).isTrue();
    modest.give(251);
    assertThat(whole.held()).isZero();
  }

  @Test
  void amountsBeyondAllBoundsAreRefused() {
    assertThat(whole.tryTake(Long.MAX_VALUE)).isFalse();
    assertThat(whole.tryTake(1)).isTrue();
    assertThat(whole.tryTake(Long.MAX_VALUE)).isFalse();
  }

  @Test
  @Timeout(10)
  void whoTakesWaitsForOthersToGive() throws Exception {
    HeapBudget one = whole.share();
    HeapBudget other = whole.share();
    assertThat(one.tryTake(700)).isTrue();
    Thread giver =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    Thread.sleep(50);
                  } catch (InterruptedException e) {
                    return;
                  }
                  one.give(700);
                });
    assertThat(other.take(600, Duration.ofSeconds(9))).isTrue();
    giver.join();
    assertThat(other.take(200, Duration.ofMillis(30))).isFalse();
  }

  @Test
  @Timeout(5)
  void nobodyWaitsForWhatCanNeverBe() throws Exception {
    assertThat(whole.take(1001, Duration.ofHours(1))).isFalse();
  }

  @Test
  void itSaysWhenLittleIsLeft() {
    HeapBudget share = whole.share();
    assertThat(share.scarce()).isFalse();
    assertThat(share.tryTake(700)).isTrue();
    assertThat(share.scarce()).isTrue();
    assertThat(whole.scarce()).isFalse();
  }
}
