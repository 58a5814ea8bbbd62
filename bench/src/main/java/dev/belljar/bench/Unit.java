package dev.belljar.bench;

/** What a figure is counted in; a megabyte is 10⁶ bytes. */
enum Unit {
  COUNT("", true),
  MILLISECONDS("ms", true),
  SECONDS("s", true),
  MEGABYTES("MB", true),
  PERCENT("%", true),
  PER_SECOND("/s", false),
  PER_MINUTE("/min", false),

  /** Ours as a multiple of what it stands beside, where more is better. */
  TIMES("×", false),

  /** The same where less is better. */
  TIMES_AS_LONG("×", true),
  MEGABYTES_PER_SECOND("MB/s", false);

  final String symbol;
  final boolean lessIsBetter;

  Unit(String symbol, boolean lessIsBetter) {
    this.symbol = symbol;
    this.lessIsBetter = lessIsBetter;
  }
}
