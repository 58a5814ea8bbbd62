package dev.belljar.bench;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The steps of a growth, as many as there is time for. */
final class Steps {
  private static final Duration LIMIT = Duration.ofMinutes(4);
  private static final Duration QUICK_LIMIT = Duration.ofMinutes(1);
  private static final int AT_MOST_SLOWER = 3;

  private final String name;
  private final boolean quick;
  private final List<String> notes;

  Steps(String name, boolean quick, List<String> notes) {
    this.name = name;
    this.quick = quick;
    this.notes = notes;
  }

  /** Whether it is to be over soon. */
  boolean quick() {
    return quick;
  }

  /** Measures at a step; the figures of those before it stay where it is skipped. */
  @FunctionalInterface
  interface Step {
    void measure(long step) throws Exception;
  }

  /**
   * Measures step after step. None is begun that would be late if it took three times as long as
   * the one before; that is noted.
   *
   * @param mostWhenQuick the last step of a quick run
   */
  void take(Step what, long mostWhenQuick, long... all) throws Exception {
    List<Long> left = new ArrayList<>();
    Arrays.stream(all).filter(step -> !quick || step <= mostWhenQuick).forEach(left::add);
    long limit = (quick ? QUICK_LIMIT : LIMIT).toNanos();
    long began = System.nanoTime();
    long lastTook = 0;
    while (!left.isEmpty()) {
      long step = left.getFirst();
      long now = System.nanoTime();
      if (now - began + AT_MOST_SLOWER * lastTook > limit) {
        leftOut(left, "the time for all was over");
        return;
      }
      System.err.println("  " + step);
      try {
        what.measure(step);
      } catch (SkippedException e) {
        leftOut(left, String.valueOf(e.getMessage()));
        return;
      }
      lastTook = System.nanoTime() - now;
      left.removeFirst();
    }
  }

  private void leftOut(List<Long> left, String why) {
    notes.add("%s: %s were left out: %s.".formatted(name, left, why));
  }
}
