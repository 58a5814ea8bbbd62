package dev.belljar.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How figures grow with something else.
 *
 * @param name for machines, and of the plot's file
 * @param title for people
 * @param of what grows, for people
 * @param steps how much of it there was, rising
 * @param bytes whether steps are sizes in bytes, and not counts
 * @param curves each with as many values as there are steps
 */
record Growth(
    String name, String title, String of, List<Long> steps, boolean bytes, List<Curve> curves) {

  Growth {
    steps = List.copyOf(steps);
    curves = List.copyOf(curves);
    for (Curve curve : curves) {
      if (curve.values().size() != steps.size()) {
        throw new IllegalArgumentException(curve.name() + " has another number of steps.");
      }
    }
  }

  /** A step for people. */
  String label(long step) {
    return bytes ? size(step) : Long.toString(step);
  }

  private static String size(long step) {
    long size = step;
    for (String unit : List.of("B", "KB", "MB")) {
      if (size < 1000) {
        return size + " " + unit;
      }
      size /= 1000;
    }
    return size + " GB";
  }

  /** Puts a growth together, step by step. */
  static final class Builder {
    private final List<Long> steps = new ArrayList<>();
    private final Map<String, Curve> curves = new LinkedHashMap<>();

    /** Begins the next step. */
    void step(long step) {
      steps.add(step);
    }

    /** Adds the figure of a curve at the current step. */
    void add(String name, String what, Unit unit, double value) {
      Curve before = curves.getOrDefault(name, new Curve(name, what, unit, List.of()));
      List<Double> values = new ArrayList<>(before.values());
      values.add(value);
      curves.put(name, new Curve(name, what, unit, values));
    }

    Growth build(String name, String title, String of, boolean bytes) {
      return new Growth(name, title, of, steps, bytes, List.copyOf(curves.values()));
    }
  }
}
