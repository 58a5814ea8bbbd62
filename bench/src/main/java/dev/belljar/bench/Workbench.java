package dev.belljar.bench;

import java.nio.file.Path;
import java.util.List;

/**
 * What the subjects work with.
 *
 * @param runs how often each thing is measured
 * @param root Belljar's directory
 * @param scratch for files that go when the program ends
 * @param notes what the reader of the report should know; may be added to
 */
record Workbench(int runs, Path root, Scratch scratch, List<String> notes) {
  private static final int WARM_UPS = 2;

  /** As many rounds as were asked for. */
  Rounds rounds() {
    return new Rounds(WARM_UPS, runs);
  }

  /** At most so many rounds, for what takes seconds each. */
  Rounds rounds(int most) {
    return new Rounds(1, Math.min(runs, most));
  }

  /** What is built here and may stay. */
  Path target() {
    return root.resolve("bench/target");
  }
}
