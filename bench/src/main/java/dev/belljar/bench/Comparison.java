package dev.belljar.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Whether figures got worse since others were recorded. What is compared is how many times the
 * alternative's figure ours is, which the speed of the host leaves alone; never times.
 */
final class Comparison {
  /** What another hour on a shared host may do to a ratio. */
  static final double TOLERANCE = 1.5;

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
        for (JsonNode alternative : measurement.path("alternatives")) {
          comparison.recorded.put(
              measurement.path("name").asString("") + " : " + alternative.path("name").asString(""),
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

  /** How many of these ratios were recorded, too. */
  long common(List<Measurement> now) {
    return now.stream()
        .flatMap(
            measurement ->
                measurement.alternatives().stream()
                    .map(alternative -> before(measurement, alternative)))
        .filter(before -> !before.isNaN())
        .count();
  }

  /** A line for each ratio that got worse by more than the tolerance. */
  List<String> worse(List<Measurement> now) {
    List<String> worse = new ArrayList<>();
    for (Measurement measurement : now) {
      for (Alternative alternative : measurement.alternatives()) {
        double before = before(measurement, alternative);
        double ratio = measurement.ratioTo(alternative);
        double factor = measurement.ours().unit().lessIsBetter ? ratio / before : before / ratio;
        if (factor > TOLERANCE) {
          worse.add(
              String.format(
                  Locale.ROOT,
                  "%s beside %s: ×%.3f, and ×%.3f when it was recorded",
                  measurement.name(),
                  alternative.name(),
                  ratio,
                  before));
        }
      }
    }
    return worse;
  }

  /** NaN, which is neither more nor less than anything, where it was not recorded. */
  private Double before(Measurement measurement, Alternative alternative) {
    return recorded.getOrDefault(measurement.name() + " : " + alternative.name(), Double.NaN);
  }
}
