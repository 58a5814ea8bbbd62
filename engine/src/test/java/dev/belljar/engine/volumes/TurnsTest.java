package dev.belljar.engine.volumes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.belljar.StorageException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class TurnsTest {
  @Test
  void anotherIsNotWaitedForLongerThanAllowedAndNobodyWaitsForStrangers() throws Exception {
    Turns turns = new Turns(1, Duration.ofMillis(50));
    Turns.Turn mine = turns.take("me", "Something is done");
    turns.take("other", "Something is done").close();

    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(() -> turns.take("me", "Something is done"))
        .withMessageContaining("Something is done. Try again");
    mine.close();
    turns.take("me", "Something is done").close();
  }

  @Test
  void neverMoreThanAllowedHaveOneWhileManyComeAndGo() throws Exception {
    Turns turns = new Turns(2, Duration.ofSeconds(30));
    AtomicInteger now = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    List<Thread> all =
        IntStream.range(0, 8)
            .mapToObj(i -> Thread.ofVirtual().start(() -> work(turns, now, most)))
            .toList();
    for (Thread one : all) {
      one.join();
    }
    assertThat(now).hasValue(0);
    assertThat(most.get()).isBetween(1, 2);
  }

  private static void work(Turns turns, AtomicInteger now, AtomicInteger most) {
    for (int i = 0; i < 500; i++) {
      try (Turns.Turn turn = turns.take("me", "Something is done")) {
        assertThat(turn).isNotNull();
        most.accumulateAndGet(now.incrementAndGet(), Math::max);
        now.decrementAndGet();
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }
  }
}
