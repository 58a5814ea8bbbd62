package dev.belljar.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Whether figures got worse since others were recorded. What is compared is how many times the
 * alternative's figure ours is, which the speed of the host leaves alone; never times. Where there
 * is no alternative, times and rates stand beside the {@link Yardstick} of their own run, and what
 * does not depend on the host's speed, such as memory, is compared as it is.
 */
final class Comparison {
  /** What another hour on a shared host may do to a ratio. */
  static final double TOLERANCE = 1.5;

  /** Of rows whose figure is the difference of two others, which are compared themselves. */
  private static final String DIFFERENCE = ".added";

  private final Map<String, Double> recorded = new HashMap<>();

  private Comparison() {}

  /**
   * With a report that {@code --json} wrote.
   *
   * @throws IOException where it is none
   */
  static Comparison with(Path report) throws IOException {
    if (!Files.isRegularFile(report)) {
      throw new IOException(
          "There is no report " + report + "; 'bench/run --json " + report + "' makes one.");
    }
    Comparison comparison = new Comparison();
    try {
      JsonNode root = JsonMapper.builder().build().readTree(Files.readString(report));
      for (JsonNode measurement : root.path("measurements")) {
        String name = measurement.path("name").asString("");
        comparison.recorded.put(name, measurement.path("p50").asDouble(Double.NaN));
        for (JsonNode alternative : measurement.path("alternatives")) {
          comparison.recorded.put(
              beside(name, alternative.path("name").asString("")),
              alternative.path("ratio").asDouble(Double.NaN));
        }
      }
    } catch (JacksonException e) {
      throw new IOException(report + " is not a report of --json: " + e.getOriginalMessage(), e);
    }
    if (comparison.recorded.isEmpty()) {
      throw new IOException(report + " holds nothing to compare with.");
    }
    return comparison;
  }

  /** How many of these figures can be compared with what was recorded. */
  long common(List<Measurement> now) {
    return figures(now).size();
  }

  /** A line for each figure that got worse by more than the tolerance. */
  List<String> worse(List<Measurement> now) {
    return figures(now).stream()
        .filter(figure -> figure.worsening() > TOLERANCE)
        .map(Figure::toString)
        .toList();
  }

  /**
   * Something that does not depend on the host's speed.
   *
   * @param what for people
   * @param now in this run
   * @param before when it was recorded
   */
  private record Figure(String what, boolean lessIsBetter, double now, double before) {

    /** Whether both were measured; a difference of nothing is nothing to compare with. */
    boolean isKnown() {
      return now > 0 && before > 0;
    }

    double worsening() {
      return lessIsBetter ? now / before : before / now;
    }

    @Override
    public String toString() {
      return String.format(
          Locale.ROOT, "%s: %.3f, and %.3f when it was recorded", what, now, before);
    }
  }

  private List<Figure> figures(List<Measurement> now) {
    double yardstick =
        now.stream()
            .filter(measurement -> measurement.name().equals(Yardstick.NAME))
            .mapToDouble(measurement -> measurement.ours().p50())
            .findFirst()
            .orElse(Double.NaN);
    List<Figure> figures = new ArrayList<>();
    for (Measurement measurement : now) {
      for (Alternative alternative : measurement.alternatives()) {
        String what = beside(measurement.name(), alternative.name());
        figures.add(
            new Figure(
                what,
                measurement.ours().unit().lessIsBetter,
                measurement.ratioTo(alternative),
                before(what)));
      }
      if (measurement.alternatives().isEmpty() && standsAlone(measurement.name())) {
        alone(measurement, yardstick).ifPresent(figures::add);
      }
    }
    return figures.stream().filter(Figure::isKnown).toList();
  }

  private static boolean standsAlone(String name) {
    return !name.equals(Yardstick.NAME) && !name.endsWith(DIFFERENCE);
  }

  /** Empty for shares of a processor: of what is idle they are as small as they are unsteady. */
  private Optional<Figure> alone(Measurement measurement, double yardstick) {
    String name = measurement.name();
    Unit unit = measurement.ours().unit();
    double now = measurement.ours().p50();
    double before = before(name);
    double yardstickBefore = before(Yardstick.NAME);
    String besideYardstick = beside(name, Yardstick.NAME);
    return switch (unit) {
      case MILLISECONDS, SECONDS ->
          Optional.of(new Figure(besideYardstick, true, now / yardstick, before / yardstickBefore));
      case PER_SECOND, PER_MINUTE, MEGABYTES_PER_SECOND ->
          Optional.of(
              new Figure(besideYardstick, false, now * yardstick, before * yardstickBefore));
      case COUNT, MEGABYTES, TIMES, TIMES_AS_LONG ->
          Optional.of(new Figure(name, unit.lessIsBetter, now, before));
      case PERCENT -> Optional.empty();
    };
  }

  /** NaN, which is neither more nor less than anything, where it was not recorded. */
  private double before(String what) {
    return recorded.getOrDefault(what, Double.NaN);
  }

  private static String beside(String measurement, String alternative) {
    return measurement + " beside " + alternative;
  }
}
