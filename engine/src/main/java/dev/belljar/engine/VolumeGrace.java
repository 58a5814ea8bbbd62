package dev.belljar.engine;

import dev.belljar.InvalidOptionException;
import java.time.Duration;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** How long deleted volumes are kept, as whoever started this process says. */
final class VolumeGrace {
  static final String PROPERTY = "belljar.volumeGrace";
  static final String VARIABLE = "BELLJAR_VOLUME_GRACE";
  private static final Pattern TIME = Pattern.compile("(\\d{1,6})([smhd])");

  private VolumeGrace() {}

  /** By the system property, else by the environment variable; empty where neither is set. */
  static Optional<Duration> ofThisProcess() {
    return Optional.ofNullable(System.getProperty(PROPERTY))
        .or(() -> Optional.ofNullable(System.getenv(VARIABLE)))
        .filter(text -> !text.isBlank())
        .map(VolumeGrace::parse);
  }

  static Duration parse(String text) {
    Matcher matcher = TIME.matcher(text);
    if (!matcher.matches()) {
      throw new InvalidOptionException(
          "%s is '%s' and must be a time like 30s, 5m, 2h or 7d.".formatted(VARIABLE, text));
    }
    long amount = Long.parseLong(matcher.group(1));
    return switch (matcher.group(2)) {
      case "s" -> Duration.ofSeconds(amount);
      case "m" -> Duration.ofMinutes(amount);
      case "h" -> Duration.ofHours(amount);
      default -> Duration.ofDays(amount);
    };
  }
}
