package dev.belljar.bench;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Collects figures by name while tasks run. */
final class Recording {
  private final Map<String, List<Double>> figures = new LinkedHashMap<>();

  void add(String name, double value) {
    figures.computeIfAbsent(name, any -> new ArrayList<>()).add(value);
  }

  /** Adds the milliseconds that have passed since a {@link System#nanoTime}. */
  void addMillisSince(String name, long began) {
    add(name, (System.nanoTime() - began) / 1e6);
  }

  /** Adds the megabytes per second of so many bytes since a {@link System#nanoTime}. */
  void addRateSince(String name, long began, long bytes) {
    add(name, bytes * 1e3 / (System.nanoTime() - began));
  }

  /** What was recorded under a name. */
  Samples samples(String name, Unit unit) {
    return new Samples(unit, figures.getOrDefault(name, List.of()));
  }

  /** Those of the names that were recorded, as alternatives. */
  List<Alternative> alternatives(Unit unit, Collection<String> names) {
    return names.stream()
        .filter(figures::containsKey)
        .map(name -> new Alternative(name, samples(name, unit)))
        .toList();
  }
}
