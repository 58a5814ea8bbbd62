package dev.belljar.engine.agent;

import static dev.belljar.engine.agent.ScriptedPeer.AGENT_ID;
import static dev.belljar.engine.agent.ScriptedPeer.connect;
import static dev.belljar.engine.agent.ScriptedPeer.lookup;
import static dev.belljar.engine.agent.ScriptedPeer.u32;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.engine.agent.AgentConnection.Incoming;
import dev.belljar.engine.agent.AgentConnection.IncomingStreams;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * More than a million frames that a guest might send; as many as {@code -Dbelljar.fuzz.frames} says
 * where it is set. The seed is fixed: a failure here is a failure everywhere.
 */
@Timeout(1800)
class ChannelFuzzTest {
  private static final long SEED = 0x42454c4cL;
  private static final int FRAMES = Integer.getInteger("belljar.fuzz.frames", 1_000_000);
  private static final int FRAMES_OF_A_SESSION = 2_000;
  private static final byte[] TARGET = connect(0, "example.com".getBytes(US_ASCII), 443);

  private final Queue<Throwable> uncaught = new ConcurrentLinkedQueue<>();
  private Thread.UncaughtExceptionHandler before;

  @BeforeEach
  void watch() {
    before = Thread.getDefaultUncaughtExceptionHandler();
    Thread.setDefaultUncaughtExceptionHandler((thread, failure) -> uncaught.add(failure));
  }

  @AfterEach
  void restore() {
    Thread.setDefaultUncaughtExceptionHandler(before);
    assertThat(uncaught).isEmpty();
  }

  @Test
  void validFramesNeverEndAConnectionAndOneBadFrameAlwaysDoes() throws Exception {
    var random = new SplittableRandom(SEED);
    long used = usedHeap();
    for (int frames = 0; frames < FRAMES; frames += FRAMES_OF_A_SESSION) {
      var script = new ByteArrayOutputStream();
      for (int i = 0; i < FRAMES_OF_A_SESSION - 1; i++) {
        script.writeBytes(valid(random, i));
      }
      boolean broken = random.nextBoolean();
      if (broken) {
        script.writeBytes(invalid(random));
      }
      IOException end = replay(script.toByteArray());
      assertThat(end instanceof ProtocolException).as("%s", end).isEqualTo(broken);
    }
    assertThat(usedHeap() - used).as("heap kept").isLessThan(64L << 20);
  }

  @Test
  void noiseAlwaysEndsTheConnection() throws Exception {
    var random = new SplittableRandom(SEED);
    for (int i = 0; i < 20_000; i++) {
      byte[] noise = new byte[random.nextInt(12, 200)];
      random.nextBytes(noise);
      if (random.nextInt(4) > 0) {
        // A header that may pass, so that noise reaches what is behind it.
        noise[0] = noise[1] = noise[2] = noise[5] = noise[6] = noise[7] = 0;
        noise[3] = (byte) Math.min(noise[3] & 0xff, noise.length - 12);
        noise[4] = (byte) random.nextInt(13);
      }
      assertThat(replay(noise)).isInstanceOf(IOException.class);
    }
  }

  @Test
  void everyTypeOfEveryLengthEndsTheConnectionOrIsInOrder() throws Exception {
    var random = new SplittableRandom(SEED);
    for (int type = 0; type < 256; type++) {
      int longest = type < 13 ? 80 : 2;
      for (int length = 0; length < longest; length++) {
        for (int id : new int[] {0, 1, 2, 77, AGENT_ID}) {
          byte[] payload = bytes(random, length);
          assertThat(replay(ScriptedPeer.frame(length, type, 0, id, payload)))
              .isInstanceOf(IOException.class);
        }
        // A length that is not the payload's.
        int lie = random.nextInt();
        byte[] lying = ScriptedPeer.frame(lie, type, 0, 1, bytes(random, length));
        assertThat(replay(lying)).isInstanceOf(IOException.class);
      }
    }
  }

  private static IOException replay(byte[] script) throws Exception {
    try (AgentConnection connection =
        new AgentConnection(new ReplayedChannel(script, 3, true), new Moody())) {
      // Streams 1 and 2, and a call that is never answered.
      AgentStream inward = connection.newStream(false, true);
      connection.newStream(true, false);
      Thread.ofVirtual().start(() -> drain(inward));
      connection.start(Operation.PING, new BodyWriter());
      connection.trySend(FrameType.CREDIT, inward.id(), 1);
      return connection.ended().get(10, TimeUnit.SECONDS);
    } catch (ConnectionEndedException e) {
      return e;
    }
  }

  private static void drain(AgentStream stream) {
    try {
      stream.input().transferTo(java.io.OutputStream.nullOutputStream());
    } catch (IOException e) {
      // Whatever ended it is told by the connection.
    }
  }

  /** A frame that is always in order, whatever came before it. */
  private static byte[] valid(RandomGenerator random, int nth) {
    int fresh = AGENT_ID + nth;
    int over = AGENT_ID + random.nextInt(nth + 1);
    return switch (random.nextInt(6)) {
      case 0 -> opened(fresh, TARGET);
      case 1 -> opened(fresh, lookup("a" + nth + ".example"));
      case 2 -> opened(fresh, connect(4, bytes(random, 4), random.nextInt(65_536)));
      case 3 -> opened(fresh, connect(6, bytes(random, 16), random.nextInt(65_536)));
      case 4 -> frame(FrameType.RESET, over, u32(random.nextInt(4096)));
      default -> frame(FrameType.HELLO, 0, ScriptedPeer.join(u32(1), u32(0x42454c4c)));
    };
  }

  /** An OPEN, given up at once: how many are open never depends on how fast they are answered. */
  private static byte[] opened(int id, byte[] target) {
    return ScriptedPeer.join(frame(FrameType.OPEN, id, target), frame(FrameType.RESET, id, u32(0)));
  }

  private static byte[] invalid(RandomGenerator random) {
    return switch (random.nextInt(9)) {
      case 0 -> ScriptedPeer.frame(random.nextInt(), random.nextInt(12, 256), 0, random.nextInt());
      case 1 -> ScriptedPeer.frame(8, 1, random.nextInt(1, 1 << 24), 0, new byte[8]);
      case 2 -> ScriptedPeer.frame(random.nextInt(65_601, 1 << 30), 3, 0, 1, bytes(random, 100));
      case 3 -> frame(FrameType.RESULT, random.nextInt(2, 1 << 30), u32(0));
      case 4 -> frame(FrameType.EXIT, random.nextInt(), bytes(random, 17));
      case 5 -> frame(FrameType.OPEN, random.nextInt(0, 1 << 30), TARGET);
      case 6 -> frame(FrameType.DATA, 2, bytes(random, random.nextInt(1, 65_537)));
      case 7 -> frame(FrameType.CREDIT, 2, u32(random.nextInt()));
      default -> frame(FrameType.HELLO, 0, bytes(random, 8));
    };
  }

  private static byte[] frame(FrameType type, int id, byte... payload) {
    return ScriptedPeer.frame(payload.length, type.code, 0, id, payload);
  }

  private static byte[] bytes(RandomGenerator random, int count) {
    byte[] bytes = new byte[count];
    random.nextBytes(bytes);
    return bytes;
  }

  private static long usedHeap() {
    System.gc();
    Runtime runtime = Runtime.getRuntime();
    return runtime.totalMemory() - runtime.freeMemory();
  }

  /** Accepts, confirms and refuses by turns. */
  private static final class Moody implements IncomingStreams {
    @Override
    public void connect(Incoming stream, String host, boolean isName, int port) {
      if (port % 2 == 0) {
        stream.refuse(111);
        return;
      }
      try (AgentStream accepted = stream.accept()) {
        accepted.output().write(port);
      } catch (IOException e) {
        // The guest gave it up.
      }
    }

    @Override
    public void lookup(Incoming stream, String name) {
      try {
        stream.confirm();
      } catch (IOException e) {
        // The connection is gone.
      }
    }
  }
}
