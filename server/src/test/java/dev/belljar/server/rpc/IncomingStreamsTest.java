package dev.belljar.server.rpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.io.InputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class IncomingStreamsTest {
  private static final Duration PATIENCE = Duration.ofMillis(200);

  private final HeapBudget budget = new HeapBudget(100 << 20);
  private final List<Long> cancelled = new ArrayList<>();
  private final IncomingStreams streams =
      new IncomingStreams(budget, PATIENCE, (id, reason) -> cancelled.add(id), () -> {});

  @Test
  void whatIsReadIsHeldNoMore() throws Exception {
    streams.start(1);
    streams.enqueue(1, new byte[1000]);
    assertThat(budget.held()).isBetween(1000L, 1200L);
    InputStream in = streams.claim(1, false).orElseThrow();
    assertThat(in.readNBytes(1000)).hasSize(1000);
    assertThat(budget.held()).isZero();
    streams.end(1);
    assertThat(in.read()).isEqualTo(-1);
    in.close();
    assertThat(streams.open()).isZero();
    assertThat(cancelled).isEmpty();
  }

  @Test
  void manySmallPartsAreNotFree() {
    streams.start(1);
    int parts = 0;
    while (!streams.full()) {
      streams.enqueue(1, new byte[1]);
      parts++;
    }
    assertThat(parts).isLessThan(IncomingStreams.STREAM_LIMIT / 50);
  }

  @Test
  void aStreamIsFullAloneAndManyAreTogether() {
    for (int i = 0; i < 10 && !streams.full(); i++) {
      streams.start(i);
      for (int part = 0; part < 15 && !streams.full(); part++) {
        streams.enqueue(i, new byte[1 << 20]);
      }
    }
    assertThat(streams.held()).isBetween(64L << 20, 66L << 20);
    assertThat(streams.full()).isTrue();
    streams.giveUpLargest("enough");
    assertThat(streams.full()).isFalse();
    assertThat(cancelled).hasSize(1);
    streams.close();
    assertThat(budget.held()).isZero();
    assertThat(streams.claim(99, false)).isEmpty();
  }

  @Test
  void whereMemoryIsScarceLittleIsHeld() {
    streams.start(1);
    streams.enqueue(1, new byte[2 << 20]);
    assertThat(streams.full()).isFalse();
    assertThat(budget.tryTake(80 << 20)).isTrue();
    assertThat(streams.full()).isTrue();
  }

  @Test
  void whereThereIsNoMemoryTheStreamIsGivenUp() {
    assertThat(budget.tryTake(100 << 20)).isTrue();
    streams.start(1);
    InputStream in = streams.claim(1, false).orElseThrow();
    streams.enqueue(1, new byte[10]);
    assertThat(cancelled).containsExactly(1L);
    assertThatIOException().isThrownBy(in::read).withMessageContaining("memory");
  }

  @Test
  void whoReadsFindsOutThatTheClientIsGone() throws Exception {
    InputStream in = streams.claim(5, false).orElseThrow();
    Thread closer = Thread.ofVirtual().start(streams::close);
    assertThatIOException().isThrownBy(in::read).withMessageContaining("gone");
    closer.join();
  }

  @Test
  void whatIsNoLongerWantedIsCancelledOnce() throws Exception {
    streams.start(1);
    InputStream in = streams.claim(1, false).orElseThrow();
    in.close();
    in.close();
    streams.enqueue(1, new byte[10]);
    assertThat(cancelled).containsExactly(1L);
    assertThat(budget.held()).isZero();
  }

  @Test
  void aStreamThatIsOverIsNotGivenAgain() throws Exception {
    streams.start(1);
    streams.end(1);
    assertThat(streams.claim(1, false).orElseThrow().read()).isEqualTo(-1);
    streams.claim(2, false).orElseThrow().close();
    assertThat(streams.claim(1, false)).isEmpty();
    assertThat(streams.claim(2, true)).isEmpty();
    streams.start(1);
    assertThat(streams.claim(1, false)).isEmpty();
    assertThat(streams.open()).isZero();
  }

  @Test
  void aStreamThatDoesNotStartInTimeFails() throws Exception {
    InputStream never = streams.claim(1, false).orElseThrow();
    assertThatIOException().isThrownBy(never::read).withMessageContaining("did not start");
    never.close();
    streams.start(1);
    assertThat(cancelled).containsExactly(1L);
    assertThat(streams.open()).isZero();
    InputStream started = streams.claim(2, false).orElseThrow();
    streams.start(2);
    InputStream input = streams.claim(3, true).orElseThrow();
    Thread client =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    Thread.sleep(PATIENCE.multipliedBy(2));
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                  streams.enqueue(2, new byte[] {7});
                  streams.enqueue(3, new byte[] {8});
                });
    assertThat(started.read()).isEqualTo(7);
    assertThat(input.read()).isEqualTo(8);
    client.join();
  }
}
