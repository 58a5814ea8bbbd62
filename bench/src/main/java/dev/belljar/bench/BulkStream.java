package dev.belljar.bench;

import dev.belljar.ChildProcess;
import dev.belljar.Sandbox;
import dev.belljar.SpawnOptions;
import dev.belljar.SpawnOptions.Stdio;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** A process in a sandbox that writes, or reads, as fast as this host takes part; until closed. */
final class BulkStream implements AutoCloseable {
  private static final int PIECE = 64 << 10;
  private static final int FLOWING = 4 << 20;
  private static final long LONGEST_SECONDS = 20;

  private final ChildProcess process;
  private final AtomicLong moved = new AtomicLong();
  private final CountDownLatch flowing = new CountDownLatch(1);
  private final Thread carrier;

  private BulkStream(ChildProcess process, Carrying how) {
    this.process = process;
    carrier = Thread.ofVirtual().name("bulk stream").start(() -> carry(how));
  }

  /** Moves bytes over and over; ends by an exception, or where there are no more. */
  private interface Carrying {
    int piece(byte[] buffer) throws IOException;
  }

  /** The host reads what the process writes. */
  static BulkStream outOf(Sandbox sandbox) throws IOException, InterruptedException {
    SpawnOptions options =
        SpawnOptions.builder()
            .args("/dev/zero")
            .stdin(Stdio.NULL)
            .stdout(Stdio.PIPED)
            .stderr(Stdio.NULL)
            .build();
    ChildProcess process = sandbox.spawn("/bin/cat", options);
    InputStream out = process.stdout();
    return begun(new BulkStream(process, out::read));
  }

  /** The process reads, and throws away, what the host writes. */
  static BulkStream into(Sandbox sandbox) throws IOException, InterruptedException {
    SpawnOptions options =
        SpawnOptions.builder().stdin(Stdio.PIPED).stdout(Stdio.NULL).stderr(Stdio.NULL).build();
    ChildProcess process = sandbox.spawn("/bin/cat", options);
    OutputStream in = process.stdin();
    return begun(
        new BulkStream(
            process,
            buffer -> {
              in.write(buffer);
              return buffer.length;
            }));
  }

  /** Bytes so far. */
  long moved() {
    return moved.get();
  }

  @Override
  public void close() throws InterruptedException {
    process.close();
    carrier.join();
  }

  private static BulkStream begun(BulkStream stream) throws IOException, InterruptedException {
    boolean flows = false;
    try {
      flows = stream.flowing.await(LONGEST_SECONDS, TimeUnit.SECONDS);
    } finally {
      if (!flows) {
        stream.close();
      }
    }
    if (!flows) {
      throw new IOException("a bulk stream did not flow within " + LONGEST_SECONDS + " s");
    }
    return stream;
  }

  private void carry(Carrying how) {
    byte[] buffer = new byte[PIECE];
    try {
      for (int count = how.piece(buffer); count >= 0; count = how.piece(buffer)) {
        if (moved.addAndGet(count) >= FLOWING) {
          flowing.countDown();
        }
      }
    } catch (IOException e) {
      // It was closed; whoever looks at what was moved sees where it ended otherwise.
    }
  }
}
