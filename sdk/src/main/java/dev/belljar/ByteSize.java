package dev.belljar;

import java.math.BigDecimal;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A number of bytes, readable from text as people write it.
 *
 * @param bytes not negative
 */
public record ByteSize(long bytes) {
  private static final Pattern FORM = Pattern.compile("(\\d{1,15}(?:\\.\\d{1,6})?)\\s*([a-z]*)");
  private static final Map<String, Long> UNITS =
      Map.ofEntries(
          Map.entry("", 1L),
          Map.entry("b", 1L),
          Map.entry("kb", 1_000L),
          Map.entry("mb", 1_000_000L),
          Map.entry("gb", 1_000_000_000L),
          Map.entry("tb", 1_000_000_000_000L),
          Map.entry("k", 1L << 10),
          Map.entry("kib", 1L << 10),
          Map.entry("m", 1L << 20),
          Map.entry("mib", 1L << 20),
          Map.entry("g", 1L << 30),
          Map.entry("gib", 1L << 30),
          Map.entry("tib", 1L << 40));

  /** Checks the bound. */
  public ByteSize {
    if (bytes < 0) {
      throw new InvalidOptionException("A size cannot be negative: " + bytes);
    }
  }

  /** So many mebibytes. */
  public static ByteSize ofMebibytes(long mebibytes) {
    if (mebibytes > Long.MAX_VALUE >> 20) {
      throw new InvalidOptionException(mebibytes + " MiB is more bytes than there are.");
    }
    return new ByteSize(mebibytes << 20);
  }

  /**
   * Reads {@code 2GiB}, {@code 1.5 GB}, {@code 512m} or a plain number of bytes. {@code KB MB GB
   * TB} are powers of 1000, {@code K M G} and {@code KiB MiB GiB TiB} powers of 1024.
   *
   * @throws InvalidOptionException where the text is no size
   */
  public static ByteSize parse(String text) {
    Matcher matcher = FORM.matcher(text.strip().toLowerCase(Locale.ROOT));
    Long unit = matcher.matches() ? UNITS.get(matcher.group(2)) : null;
    if (unit == null) {
      throw new InvalidOptionException(
          "'"
              + text
              + "' is not a size. Write a number with a unit, for example 2GiB, 1536MiB or 2GB.");
    }
    BigDecimal bytes = new BigDecimal(matcher.group(1)).multiply(BigDecimal.valueOf(unit));
    if (bytes.compareTo(BigDecimal.valueOf(Long.MAX_VALUE)) > 0) {
      throw new InvalidOptionException("'" + text + "' is more bytes than there are.");
    }
    return new ByteSize(bytes.longValue());
  }

  /** The size in the largest binary unit that fits, for example {@code 1.3 GiB}. */
  @Override
  public String toString() {
    String[] units = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double value = bytes;
    int unit = 0;
    while (value >= 1024 && unit < units.length - 1) {
      value /= 1024;
      unit++;
    }
    return unit == 0 || value == Math.rint(value)
        ? (long) value + " " + units[unit]
        : String.format(Locale.ROOT, "%.1f %s", value, units[unit]);
  }
}
