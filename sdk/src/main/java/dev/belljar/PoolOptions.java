package dev.belljar;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How many machines are kept ready for sandboxes. Immutable.
 *
 * @param sizes each memory size at most once for a number of processors; 1 to 8
 * @param longestWait how long a machine waits before a new one takes its place; 10 seconds to 24
 *     hours, default 10 minutes
 * @param deno whether a Deno process waits in each machine to be its sandbox's first evaluator
 *     ({@link SandboxDeno#repl()}): it takes memory of each such sandbox, and time of a processor,
 *     used or not
 */
public record PoolOptions(List<Size> sizes, Duration longestWait, boolean deno) {
  private static final Pattern RANGE = Pattern.compile("(\\d{1,4})(?:-(\\d{1,4}))?");
  private static final int MOST_SIZES = 8;
  private static final int MOST_MACHINES = 256;
  private static final Duration SHORTEST_WAIT = Duration.ofSeconds(10);
  private static final Duration LONGEST_WAIT = Duration.ofHours(24);
  private static final Duration USUAL_WAIT = Duration.ofMinutes(10);

  /** Two to eight machines of the default size. */
  public static final PoolOptions DEFAULT = of(2, 8);

  /**
   * Machines of one size. As many wait as were taken within the last ten seconds, in these bounds.
   *
   * @param memory as in {@link SandboxOptions}
   * @param vcpus as in {@link SandboxOptions}
   * @param minimum how many wait when nothing happens; at least 0
   * @param maximum how many wait at most; at least {@code minimum} and 1, at most 256
   */
  public record Size(ByteSize memory, int vcpus, int minimum, int maximum) {

    /** Checks the bounds. */
    public Size {
      SandboxOptions.builder().memory(memory).vcpus(vcpus).build();
      if (minimum < 0 || maximum < 1 || maximum < minimum || maximum > MOST_MACHINES) {
        throw new InvalidOptionException(
            "A pool of %d to %d machines cannot be: 0 to %d of them, the lesser number first."
                .formatted(minimum, maximum, MOST_MACHINES));
      }
    }

    private boolean isLike(Size other) {
      return memory.equals(other.memory) && vcpus == other.vcpus;
    }
  }

  /** Checks the bounds. */
  public PoolOptions {
    sizes = List.copyOf(sizes);
    if (sizes.isEmpty() || sizes.size() > MOST_SIZES) {
      throw new InvalidOptionException(
          "A pool has machines of 1 to " + MOST_SIZES + " sizes, not " + sizes.size() + ".");
    }
    Set<String> seen = new HashSet<>();
    for (Size size : sizes) {
      if (!seen.add(size.memory.bytes() + " " + size.vcpus)) {
        throw new InvalidOptionException(
            "A pool has machines of %s and %d vCPUs twice.".formatted(size.memory, size.vcpus));
      }
    }
    if (longestWait.compareTo(SHORTEST_WAIT) < 0 || longestWait.compareTo(LONGEST_WAIT) > 0) {
      throw new InvalidOptionException(
          "Machines of a pool wait 10 seconds to 24 hours, not " + longestWait + ".");
    }
  }

  /**
   * Reads {@code MINIMUM-MAXIMUM}, a number for both, or {@code off}.
   *
   * @return machines of the default size; empty where none are wanted
   */
  public static Optional<PoolOptions> parse(String text) {
    if (text.equals("off") || text.equals("0")) {
      return Optional.empty();
    }
    Matcher matcher = RANGE.matcher(text);
    if (!matcher.matches()) {
      throw new InvalidOptionException(
          "'" + text + "' says not how many machines wait: 2-8, 4 or off, for example.");
    }
    int minimum = Integer.parseInt(matcher.group(1));
    String maximum = matcher.group(2);
    return Optional.of(of(minimum, maximum == null ? minimum : Integer.parseInt(maximum)));
  }

  /** So many machines of the default size. */
  public static PoolOptions of(int minimum, int maximum) {
    SandboxOptions usual = SandboxOptions.builder().local().build();
    return new PoolOptions(
        List.of(new Size(usual.memory(), usual.vcpus(), minimum, maximum)), USUAL_WAIT, false);
  }

  /** The same, with that size in place of one like it, or else before the others. */
  public PoolOptions with(Size size) {
    List<Size> all = new ArrayList<>(List.of(size));
    sizes.stream().filter(other -> !other.isLike(size)).forEach(all::add);
    return new PoolOptions(all, longestWait, deno);
  }

  /** The same, with Deno waiting in each machine, or not. */
  public PoolOptions withDeno(boolean waits) {
    return new PoolOptions(sizes, longestWait, waits);
  }
}
