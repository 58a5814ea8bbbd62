package dev.belljar.bench;

import java.util.Locale;
import java.util.OptionalDouble;
import java.util.stream.Collectors;

/** A report for people. */
final class MarkdownReport {
  private static final String HEAD =
      """
      | what | p50 | p95 | p99 | best | mean | runs | target (p50) | kept | alternatives, p50 (Belljar ÷ alternative) |
      |---|---:|---:|---:|---:|---:|---:|---:|---|---|
      """;

  private static final String LONG_TAIL =
      "\nA p99 in bold is more than "
          + Measurement.LONGEST_TAIL
          + " times the p50, in a row whose target is in milliseconds.\n";

  private MarkdownReport() {}

  static String of(Report report) {
    StringBuilder text = new StringBuilder("# Belljar, measured\n\n");
    report
        .facts()
        .forEach(
            (name, value) ->
                text.append("* ").append(name).append(": ").append(value).append('\n'));
    text.append("* to repeat it: `").append(report.command()).append("`\n\n").append(HEAD);
    report.measurements().forEach(measurement -> text.append(row(measurement)));
    if (report.measurements().stream().anyMatch(Measurement::hasLongTail)) {
      text.append(LONG_TAIL);
    }
    if (!report.notes().isEmpty()) {
      text.append('\n');
      report.notes().forEach(note -> text.append("* ").append(note).append('\n'));
    }
    return text.toString();
  }

  private static String row(Measurement measurement) {
    Samples ours = measurement.ours();
    Unit unit = ours.unit();
    return "| "
        + String.join(
            " | ",
            measurement.what(),
            figure(ours.p50(), unit),
            figure(ours.p95(), unit),
            tail(measurement),
            figure(ours.best(), unit),
            figure(ours.mean(), unit),
            Integer.toString(ours.values().size()),
            target(measurement.target(), unit),
            measurement.target().isEmpty() ? "" : measurement.isMet() ? "yes" : "**no**",
            alternatives(measurement))
        + " |\n";
  }

  private static String tail(Measurement measurement) {
    String p99 = figure(measurement.ours().p99(), measurement.ours().unit());
    return measurement.hasLongTail() ? "**" + p99 + "**" : p99;
  }

  private static String alternatives(Measurement measurement) {
    return measurement.alternatives().stream()
        .map(
            alternative ->
                alternative.name()
                    + " "
                    + figure(alternative.samples().p50(), alternative.samples().unit())
                    + " (×"
                    + number(measurement.ratioTo(alternative))
                    + ")")
        .collect(Collectors.joining("; "));
  }

  private static String target(OptionalDouble target, Unit unit) {
    return target.isEmpty()
        ? ""
        : (unit.lessIsBetter ? "≤ " : "≥ ") + number(target.getAsDouble()) + " " + unit.symbol;
  }

  static String figure(double value, Unit unit) {
    return (number(value) + " " + unit.symbol).strip();
  }

  /** Three digits: more would claim what a benchmark cannot know. */
  private static String number(double value) {
    double size = Math.abs(value);
    String form =
        size >= 100 || value == Math.rint(value)
            ? "%.0f"
            : size >= 10 ? "%.1f" : size >= 0.1 ? "%.2f" : "%.3f";
    return String.format(Locale.ROOT, form, value);
  }
}
