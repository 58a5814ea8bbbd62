package dev.belljar.bench;

import dev.belljar.ByteSize;
import dev.belljar.ChildProcess;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.SpawnOptions;
import dev.belljar.SpawnOptions.Stdio;
import dev.belljar.VolumeOptions;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;

/**
 * How long a program in a guest stands still while a checkpoint of it is made, and while it is
 * paused and goes on at once. The guest's clock stands still as well, so the host's is used: the
 * program writes to a volume and says so, and the longest silence counts.
 */
final class Standstills {
  private static final String VOLUME = "standing";

  /** A disk stands on so many checkpoints at most. */
  private static final int MOST_ROUNDS = 10;

  private static final int WATCH_MILLIS = 300;

  private static final String WRITES =
      """
      import os, time
      file = os.open("/data/standing", os.O_WRONLY | os.O_CREAT)
      while True:
          os.pwrite(file, b"x" * 512, 0)
          os.write(1, b".")
          time.sleep(0.0005)
      """;

  private Standstills() {}

  static List<Measurement> measure(Workbench bench, StoredDisks.Here here) throws Exception {
    here.storage().volumes().create(VolumeOptions.of(VOLUME, ByteSize.parse("1GB")));
    try (Sandbox sandbox = here.create(SandboxOptions.builder().volume("/data", VOLUME))) {
      int[] made = new int[1];
      Recording recording =
          bench
              .rounds(MOST_ROUNDS)
              .play(
                  List.of(
                      into ->
                          into.add(
                              "checkpoint",
                              silence(sandbox, () -> sandbox.checkpoint("standing-" + made[0]++))),
                      into ->
                          into.add(
                              "pause",
                              silence(
                                  sandbox,
                                  () -> {
                                    sandbox.pause();
                                    sandbox.resume();
                                  })),
                      into ->
                          into.add("quiet", silence(sandbox, () -> Thread.sleep(WATCH_MILLIS)))));
      Unit unit = Unit.MILLISECONDS;
      Alternative quiet = new Alternative("without any of that", recording.samples("quiet", unit));
      return List.of(
          new Measurement(
              "storage.checkpoint.pause",
              "the longest silence of a program that writes to a volume while a checkpoint of its sandbox is made",
              recording.samples("checkpoint", unit),
              quiet),
          new Measurement(
              "storage.resume.pause",
              "the same while it is paused and resumed at once",
              recording.samples("pause", unit),
              quiet));
    }
  }

  /** Something during which the guest is watched. */
  @FunctionalInterface
  private interface Watched {
    void run() throws InterruptedException;
  }

  /** Milliseconds, by this host's clock. */
  private static double silence(Sandbox sandbox, Watched watched)
      throws IOException, InterruptedException {
    SpawnOptions options =
        SpawnOptions.builder()
            .args("-c", WRITES)
            .stdin(Stdio.NULL)
            .stdout(Stdio.PIPED)
            .stderr(Stdio.NULL)
            .build();
    try (ChildProcess child = sandbox.spawn("python3", options)) {
      CountDownLatch begun = new CountDownLatch(1);
      AtomicLong longest = new AtomicLong();
      Thread listening =
          Thread.ofPlatform().daemon().start(() -> listen(child.stdout(), begun, longest));
      begun.await();
      watched.run();
      // It is heard again before it is ended.
      Thread.sleep(WATCH_MILLIS);
      child.kill();
      listening.join();
      return longest.get() / 1e6;
    }
  }

  private static void listen(InputStream from, CountDownLatch begun, AtomicLong longest) {
    byte[] said = new byte[4096];
    long last = 0;
    try {
      while (from.read(said) > 0) {
        long now = System.nanoTime();
        if (begun.getCount() == 0) {
          longest.accumulateAndGet(now - last, Math::max);
        }
        last = now;
        begun.countDown();
      }
    } catch (IOException e) {
      // It is over.
    }
    begun.countDown();
  }
}
