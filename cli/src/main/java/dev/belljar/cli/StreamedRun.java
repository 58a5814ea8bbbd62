package dev.belljar.cli;

import dev.belljar.Isolation;
import dev.belljar.Sandbox;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.Callable;

/** {@code run} as people use it: output comes as it is written. */
final class StreamedRun implements Callable<Integer> {
  /** The first sandbox of a size takes seconds; all others are too fast for a word. */
  private static final Duration PATIENCE = Duration.ofMillis(1500);

  private final StandardStreams streams;
  private final RunRequest request;
  private final boolean quiet;
  private final boolean verbose;

  StreamedRun(StandardStreams streams, RunRequest request, boolean quiet, boolean verbose) {
    this.streams = streams;
    this.request = request;
    this.quiet = quiet;
    this.verbose = verbose;
  }

  @Override
  public Integer call() throws IOException {
    try (Sandbox sandbox = create()) {
      if (verbose) {
        Isolation isolation = sandbox.isolation();
        streams.say(
            "sandbox %s in %s (%s), confined by %s"
                .formatted(
                    sandbox.id(), isolation.engine(), isolation.accelerator(), isolation.jail()));
      }
      request.fill(sandbox);
      var run = new ProgramRun(sandbox, request, streams.in(), streams.out(), streams.err());
      ProgramEnd end = run.call();
      end.remark(request).ifPresent(streams::say);
      return end.exitStatus();
    }
  }

  private Sandbox create() {
    if (quiet || !streams.terminal()) {
      return Sandbox.create(request.options());
    }
    try (var progress = new ProgressLine(streams, PATIENCE)) {
      progress.step("starting the sandbox");
      return Sandbox.create(request.options());
    }
  }
}
