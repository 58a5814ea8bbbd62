package dev.belljar.cli;

/**
 * The exit statuses that mean something of their own. Those of {@code run} are what {@code
 * timeout(1)}, {@code env(1)} and container tools use, so that the rest is free for the program;
 * 126 and 127 come from the shell in the sandbox. Other commands end with picocli's 2 when called
 * wrongly.
 */
final class ExitCode {
  static final int SUCCESS = 0;

  /** A command other than {@code run} failed, or {@code doctor} found something missing. */
  static final int FAILURE = 1;

  /** {@code run}: the time of {@code --timeout} was over. */
  static final int TIMED_OUT = 124;

  /** {@code run}: Belljar itself failed or was called wrongly. */
  static final int BELLJAR_FAILED = 125;

  /** 128 + SIGINT: the user pressed Ctrl-C. */
  static final int INTERRUPTED = 130;

  /** 128 + SIGPIPE: nobody reads the output any more. */
  static final int OUTPUT_CLOSED = 141;

  private ExitCode() {}
}
