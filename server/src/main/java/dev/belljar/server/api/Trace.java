package dev.belljar.server.api;

import java.util.HexFormat;
import java.util.concurrent.ThreadLocalRandom;

/** Ids by which a client's report and our logs find each other; no secret. */
final class Trace {
  static final String HEADER = "x-deno-trace-id";

  private Trace() {}

  static String next() {
    ThreadLocalRandom random = ThreadLocalRandom.current();
    return HexFormat.of().toHexDigits(random.nextLong())
        + HexFormat.of().toHexDigits(random.nextLong());
  }
}
