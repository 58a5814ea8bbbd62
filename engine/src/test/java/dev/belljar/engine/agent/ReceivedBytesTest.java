package dev.belljar.engine.agent;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.io.ByteArrayOutputStream;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ReceivedBytesTest {

  @Test
  void whatIsTakenIsWhatWasAddedWhateverThePieces() {
    var random = new SplittableRandom(7);
    for (int round = 0; round < 300; round++) {
      var received = new ReceivedBytes();
      var added = new ByteArrayOutputStream();
      var taken = new ByteArrayOutputStream();
      byte[] target = new byte[20_000];
      for (int i = 0; i < 100; i++) {
        byte[] piece = new byte[random.nextInt(4) == 0 ? random.nextInt(9_000) : random.nextInt(9)];
        random.nextBytes(piece);
        added.writeBytes(piece);
        received.add(ByteBuffer.wrap(piece));
        if (random.nextInt(3) == 0) {
          int wanted = random.nextInt(target.length);
          taken.write(target, 0, received.take(target, 0, wanted));
        }
        assertThat(received.size()).isEqualTo(added.size() - taken.size());
      }
      while (received.size() > 0) {
        taken.write(target, 0, received.take(target, 0, target.length));
      }
      assertThat(taken.toByteArray()).isEqualTo(added.toByteArray());
    }
  }

  @Test
  void bytesThatComeOneByOneCostLittleMoreThanOneByteEach() {
    long before = usedHeap();
    List<ReceivedBytes> streams = new ArrayList<>();
    for (int i = 0; i < 64; i++) {
      var received = new ReceivedBytes();
      IntStream.range(0, AgentStream.WINDOW)
          .forEach(b -> received.add(ByteBuffer.wrap(new byte[] {(byte) b})));
      streams.add(received);
    }
    assertThat(usedHeap() - before).isLessThan(64L * AgentStream.WINDOW * 3 / 2);
    assertThat(streams).allMatch(stream -> stream.size() == AgentStream.WINDOW);
  }

  @Test
  void bytesThatFlowCostNothing() {
    var received = new ReceivedBytes();
    ByteBuffer frame = ByteBuffer.allocate(FrameType.DATA.largest);
    byte[] target = new byte[10_000];
    long before = allocated();
    for (int i = 0; i < 10_000; i++) {
      received.add(frame.clear());
      while (received.size() > 0) {
        received.take(target, 0, target.length);
      }
    }
    assertThat(allocated() - before).isLessThan(1 << 20);
  }

  private static long allocated() {
    return ((ThreadMXBean) ManagementFactory.getThreadMXBean()).getCurrentThreadAllocatedBytes();
  }

  private static long usedHeap() {
    System.gc();
    Runtime runtime = Runtime.getRuntime();
    return runtime.totalMemory() - runtime.freeMemory();
  }
}
