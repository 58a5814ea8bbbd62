package dev.belljar.bench;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** Counts what many threads do, what it took, and what failed. */
final class Tally {
  /** Of failures, what is said of each; more are only counted. */
  private static final int MOST_DESCRIBED = 20;

  private final Recording recording = new Recording();
  private final TreeMap<String, Integer> done = new TreeMap<>();
  private final TreeMap<String, Integer> failed = new TreeMap<>();
  private final List<String> failures = new ArrayList<>();

  /** Something was done, begun at that {@link System#nanoTime}. */
  synchronized void done(String kind, long began) {
    recording.addMillisSince(kind, began);
    done.merge(kind, 1, Integer::sum);
  }

  /** Something failed. */
  synchronized void failed(String kind, Throwable cause) {
    failed.merge(kind, 1, Integer::sum);
    if (failures.size() < MOST_DESCRIBED) {
      failures.add(kind + ": " + cause);
    }
  }

  synchronized int operations() {
    return done.values().stream().mapToInt(Integer::intValue).sum();
  }

  synchronized int errors() {
    return failed.values().stream().mapToInt(Integer::intValue).sum();
  }

  /** The first that failed. */
  synchronized List<String> failures() {
    return List.copyOf(failures);
  }

  /** A table in Markdown: a row for each kind. */
  synchronized String table() {
    StringBuilder text = new StringBuilder();
    text.append(
        "| operation | done | failed | p50 | p95 | longest |\n|---|---:|---:|---:|---:|---:|\n");
    Set<String> kinds = new TreeSet<>(done.keySet());
    kinds.addAll(failed.keySet());
    for (String kind : kinds) {
      text.append("| ").append(kind);
      text.append(" | ").append(done.getOrDefault(kind, 0));
      text.append(" | ").append(failed.getOrDefault(kind, 0));
      if (done.containsKey(kind)) {
        Samples samples = recording.samples(kind, Unit.MILLISECONDS);
        text.append(" | ").append(MarkdownReport.figure(samples.p50(), samples.unit()));
        text.append(" | ").append(MarkdownReport.figure(samples.p95(), samples.unit()));
        double longest = Collections.max(samples.values());
        text.append(" | ").append(MarkdownReport.figure(longest, samples.unit()));
      } else {
        text.append(" | | |");
      }
      text.append(" |\n");
    }
    return text.toString();
  }
}
