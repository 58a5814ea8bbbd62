package dev.belljar.bench;

import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** What a bulk stream leaves to a command of the same sandbox, and several to one another. */
final class BulkStreams implements Subject {
  private static final int IN_A_ROW = 5;
  private static final int MOST_ROUNDS = 20;
  private static final int PARALLEL = 4;
  private static final int SIZE = 32 << 20;

  /** Far more than all of it takes: whatever hangs ends with its sandbox. */
  private static final Duration LIFETIME = Duration.ofMinutes(10);

  @Override
  public String name() {
    return "streams";
  }

  @Override
  public List<Measurement> measure(Workbench bench) throws Exception {
    Recording recording;
    try (Sandbox sandbox = Sandbox.create(SandboxOptions.builder().timeout(LIFETIME).build())) {
      recording =
          bench
              .rounds(MOST_ROUNDS)
              .play(
                  List.of(
                      into -> commands(sandbox, "alone", into),
                      into -> beside(BulkStream.outOf(sandbox), sandbox, "out", into),
                      into -> beside(BulkStream.into(sandbox), sandbox, "in", into),
                      into -> parallel(sandbox, into)));
    }
    Alternative alone = new Alternative("alone", recording.samples("alone", Unit.MILLISECONDS));
    return List.of(
        new Measurement(
            "streams.exec.out",
            "`/bin/true` while `cat /dev/zero` in the same sandbox is read as fast as can be",
            recording.samples("out", Unit.MILLISECONDS),
            alone),
        new Measurement(
            "streams.out",
            "what is read meanwhile",
            recording.samples("out, bulk", Unit.MEGABYTES_PER_SECOND)),
        new Measurement(
            "streams.exec.in",
            "`/bin/true` while `cat > /dev/null` in the same sandbox is written to as fast as can be",
            recording.samples("in", Unit.MILLISECONDS),
            alone),
        new Measurement(
            "streams.in",
            "what is written meanwhile",
            recording.samples("in, bulk", Unit.MEGABYTES_PER_SECOND)),
        new Measurement(
            "streams.fair",
            "the slowest of four `head -c 32M /dev/zero` at once, beside the fastest",
            recording.samples("fair", Unit.TIMES_AS_LONG)));
  }

  private static void commands(Sandbox sandbox, String name, Recording into) throws IOException {
    for (int i = 0; i < IN_A_ROW; i++) {
      long began = System.nanoTime();
      GuestCommand.TRUE.run(sandbox);
      into.addMillisSince(name, began);
    }
  }

  private static void beside(BulkStream stream, Sandbox sandbox, String name, Recording into)
      throws IOException, InterruptedException {
    try (stream) {
      long before = stream.moved();
      long began = System.nanoTime();
      commands(sandbox, name, into);
      long moved = stream.moved() - before;
      into.addRateSince(name + ", bulk", began, moved);
      if (moved == 0) {
        throw new IOException("The bulk stream stood still while commands ran.");
      }
    }
  }

  private static void parallel(Sandbox sandbox, Recording into) throws Exception {
    GuestCommand writer =
        GuestCommand.of("/usr/bin/head", "-c", Integer.toString(SIZE), "/dev/zero");
    CountDownLatch begin = new CountDownLatch(1);
    List<Future<Double>> all = new ArrayList<>();
    List<Double> took = new ArrayList<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < PARALLEL; i++) {
        all.add(
            threads.submit(
                () -> {
                  begin.await();
                  long began = System.nanoTime();
                  long bytes = writer.drain(sandbox);
                  if (bytes != SIZE) {
                    throw new IOException(bytes + " bytes were read, not " + SIZE);
                  }
                  return (System.nanoTime() - began) / 1e6;
                }));
      }
      begin.countDown();
      for (Future<Double> one : all) {
        took.add(one.get());
      }
    }
    into.add("fair", Collections.max(took) / Collections.min(took));
  }
}
