package dev.belljar.bench;

import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What the command line asks for.
 *
 * @param runs how often each thing is measured
 * @param json where the report for machines goes, if it is wanted
 * @param against a report to compare ratios with
 * @param only the subjects to measure; empty for all
 * @param image whether the image's build is measured, too
 * @param boots whether boots of templates are measured, too
 * @param quick whether slow subjects are left out, and the others measured few times
 * @param help whether only the usage is wanted
 */
record Arguments(
    int runs,
    Optional<JsonDestination> json,
    Optional<Path> against,
    Set<String> only,
    boolean image,
    boolean boots,
    boolean quick,
    boolean help) {
  private static final int DEFAULT_RUNS = 30;
  private static final int QUICK_RUNS = 5;

  /** What takes minutes however few the runs. */
  private static final Set<String> SLOW = Set.of("storage", "idle", "row", "server", "crowd");

  Arguments {
    only = Set.copyOf(only);
  }

  /**
   * Reads them.
   *
   * @throws IllegalArgumentException where they make no sense; the message says which and why
   */
  static Arguments parse(List<String> words) {
    int runs = DEFAULT_RUNS;
    Optional<JsonDestination> json = Optional.empty();
    Optional<Path> against = Optional.empty();
    boolean quick = false;
    Set<String> only = Set.of();
    boolean image = false;
    boolean boots = false;
    boolean help = false;
    Deque<String> left = new ArrayDeque<>(words);
    while (!left.isEmpty()) {
      String option = left.remove();
      switch (option) {
        case "--runs" -> runs = positive(option, value(option, left));
        case "--quick" -> {
          quick = true;
          runs = QUICK_RUNS;
        }
        case "--against" -> against = Optional.of(Path.of(value(option, left)));
        case "--json" -> json = Optional.of(JsonDestination.following(left));
        case "--only" -> only = Set.of(value(option, left).split(","));
        case "--image" -> image = true;
        case "--boots" -> boots = true;
        case "--help", "-h" -> help = true;
        default -> throw new IllegalArgumentException("There is no option '" + option + "'.");
      }
    }
    return new Arguments(runs, json, against, only, image, boots, quick, help);
  }

  /** Whether a subject is asked for. */
  boolean wants(String subject) {
    return only.contains(subject)
        || switch (subject) {
          case "image" -> image;
          case "boots" -> boots;
          default -> only.isEmpty() && !(quick && SLOW.contains(subject));
        };
  }

  /** The word after an option. */
  static String value(String option, Deque<String> left) {
    String value = left.poll();
    if (value == null) {
      throw new IllegalArgumentException(option + " needs a value.");
    }
    return value;
  }

  /** A number above 0. */
  static int positive(String option, String text) {
    try {
      int number = Integer.parseInt(text);
      if (number > 0) {
        return number;
      }
    } catch (NumberFormatException e) {
      // Said below.
    }
    throw new IllegalArgumentException(option + " needs a number above 0, not '" + text + "'.");
  }
}
