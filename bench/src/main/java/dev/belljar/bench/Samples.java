package dev.belljar.bench;

import java.util.List;

/**
 * What several runs gave.
 *
 * @param unit of each
 * @param values at least one, in the order of the runs
 */
record Samples(Unit unit, List<Double> values) {

  Samples {
    values = List.copyOf(values);
    if (values.isEmpty()) {
      throw new IllegalArgumentException("There must be a sample.");
    }
  }

  double p50() {
    return rank(0.50);
  }

  /** What 95 of 100 runs were no worse than. */
  double p95() {
    return rank(0.95);
  }

  /** What 99 of 100 runs were no worse than; of fewer, the worst. */
  double p99() {
    return rank(0.99);
  }

  /** The least of what should be little, the most of what should be much. */
  double best() {
    return rank(0);
  }

  double mean() {
    return values.stream().mapToDouble(Double::doubleValue).average().orElseThrow();
  }

  /** The nearest rank, counted from the best. */
  private double rank(double part) {
    List<Double> sorted = values.stream().sorted().toList();
    int index = Math.max(0, (int) Math.ceil(part * sorted.size()) - 1);
    return (unit.lessIsBetter ? sorted : sorted.reversed()).get(index);
  }
}
