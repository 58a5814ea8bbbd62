package dev.belljar.cli;

import dev.belljar.Sandbox;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.LockSupport;

/** {@code run --json}: everything is told at the end, in one object. */
final class CapturedRun implements Callable<Integer> {
  private static final int LIMIT_BYTES = 16 << 20;
  private static final Duration LONGEST_WAIT = Duration.ofMillis(500);
  private static final Duration PAUSE = Duration.ofMillis(5);

  private final StandardStreams streams;
  private final RunRequest request;

  CapturedRun(StandardStreams streams, RunRequest request) {
    this.streams = streams;
    this.request = request;
  }

  @Override
  public Integer call() throws IOException {
    var out = new BoundedCapture(LIMIT_BYTES);
    var err = new BoundedCapture(LIMIT_BYTES);
    long begin = System.nanoTime();
    RunReport report;
    try (Sandbox sandbox = request.create()) {
      long created = System.nanoTime();
      request.fill(sandbox);
      long filled = System.nanoTime();
      ProgramEnd end = new ProgramRun(sandbox, request, streams.in(), out, err).call();
      var timings =
          new RunReport.Timings(
              Duration.ofNanos(created - begin),
              Duration.ofNanos(filled - created),
              Duration.ofNanos(System.nanoTime() - filled));
      awaitRecords(sandbox);
      report = new RunReport(end, out, err, timings, sandbox.isolation(), sandbox.egress());
    }
    JsonOutput.print(report.toJson(), streams.out());
    return report.end().exitStatus();
  }

  /** A connection is recorded when it has ended, which may be a moment after its program. */
  private static void awaitRecords(Sandbox sandbox) {
    long deadline = System.nanoTime() + LONGEST_WAIT.toNanos();
    while (sandbox.egressTotals().open() > 0 && System.nanoTime() < deadline) {
      LockSupport.parkNanos(PAUSE.toNanos());
    }
  }
}
