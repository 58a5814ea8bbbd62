package dev.belljar.bench;

import java.util.List;
import java.util.OptionalDouble;

/**
 * One figure of Belljar's, with what it is held against.
 *
 * @param name for machines, for example {@code create.first-answer}
 * @param what for people
 * @param ours what Belljar took
 * @param target the bound that the p50 is to keep, in the unit of the samples
 * @param alternatives may be empty
 */
record Measurement(
    String name, String what, Samples ours, OptionalDouble target, List<Alternative> alternatives) {
  /** What a p99 may be, in p50s. */
  static final int LONGEST_TAIL = 4;

  Measurement {
    alternatives = List.copyOf(alternatives);
  }

  /** Without a target. */
  Measurement(String name, String what, Samples ours, Alternative... alternatives) {
    this(name, what, ours, OptionalDouble.empty(), List.of(alternatives));
  }

  /** With a target. */
  Measurement(
      String name, String what, Samples ours, double target, List<Alternative> alternatives) {
    this(name, what, ours, OptionalDouble.of(target), alternatives);
  }

  /** Whether the p50 keeps the target; true where there is none. */
  boolean isMet() {
    return target.isEmpty()
        || (ours.unit().lessIsBetter
            ? ours.p50() <= target.getAsDouble()
            : ours.p50() >= target.getAsDouble());
  }

  /** The p99 as a multiple of the p50; empty where the p50 is none to measure by. */
  OptionalDouble tail() {
    return ours.p50() > 0 ? OptionalDouble.of(ours.p99() / ours.p50()) : OptionalDouble.empty();
  }

  /** Whether it has a target in milliseconds, and its p99 is more than four times its p50. */
  boolean hasLongTail() {
    return target.isPresent()
        && ours.unit() == Unit.MILLISECONDS
        && tail().orElse(0) > LONGEST_TAIL;
  }

  /** How many times the alternative's figure ours is. */
  double ratioTo(Alternative alternative) {
    return ours.p50() / alternative.samples().p50();
  }
}
