package dev.belljar.cli;

import dev.belljar.EgressRecord;
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
      tellOfServer(sandbox);
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
      if (verbose && request.server().found()) {
        sandbox.egress().forEach(connection -> streams.say(line(sandbox.id(), connection)));
      }
      end.remark(request).ifPresent(streams::say);
      return end.exitStatus();
    }
  }

  /** What an engine in this process would have said by itself. */
  private void tellOfServer(Sandbox sandbox) {
    if (!request.server().found()) {
      return;
    }
    if (verbose) {
      streams.say("on the server that you run at " + request.server().url());
    }
    boolean tells = verbose || (streams.terminal() && !quiet);
    if (tells && !sandbox.isolation().hardware()) {
      streams.say(
          "No hardware virtualization here: machines run in software emulation, safe but several"
              + " times slower.");
    }
  }

  /** As an engine in this process logs it; from a server it is asked when all is over. */
  private static String line(String id, EgressRecord connection) {
    return "sandbox=%s egress verdict=%s host=%s port=%d address=%s out=%d in=%d ms=%d secrets=%s reason=\"%s\""
        .formatted(
            id,
            connection.verdict(),
            connection.host(),
            connection.port(),
            connection.address().orElse("-"),
            connection.bytesOut(),
            connection.bytesIn(),
            connection.duration().toMillis(),
            connection.secrets().isEmpty() ? "-" : String.join(",", connection.secrets()),
            connection.reason().replaceAll("[^ -~]", "?").replace('"', '\''));
  }

  private Sandbox create() {
    if (quiet || !streams.terminal()) {
      return request.create();
    }
    try (var progress = new ProgressLine(streams, PATIENCE)) {
      progress.step("starting the sandbox");
      return request.create();
    }
  }
}
