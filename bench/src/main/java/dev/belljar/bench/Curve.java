package dev.belljar.bench;

import java.util.List;

/**
 * A figure at each step of a growth.
 *
 * @param name for machines, for example {@code exec.p50}
 * @param what for people
 * @param unit of the values
 * @param values in the order of the steps
 */
record Curve(String name, String what, Unit unit, List<Double> values) {

  Curve {
    values = List.copyOf(values);
  }
}
