package dev.belljar.cli;

import dev.belljar.engine.Host;
import java.time.Duration;

/** Does on first use what {@code belljar setup} does. */
final class FirstUse {
  private FirstUse() {}

  /**
   * Makes this host ready where it is not.
   *
   * @throws dev.belljar.SandboxUnavailableException where that fails; the message says what mends
   *     it
   */
  static void prepare(StandardStreams streams, boolean quiet) {
    if (Host.isSetUp()) {
      return;
    }
    if (!quiet) {
      streams.say("setting up this machine (first use, some minutes)…");
    }
    setUp(streams, quiet);
  }

  /** Sets this host up, showing how it goes. */
  static void setUp(StandardStreams streams, boolean quiet) {
    if (quiet) {
      Host.setUp(what -> {}, true);
      return;
    }
    try (var progress = new ProgressLine(streams, Duration.ZERO)) {
      Host.setUp(progress, true);
    }
  }
}
