package dev.belljar.bench;

/** Something cannot be measured here; the message says why and what mends it. */
final class SkippedException extends Exception {
  private static final long serialVersionUID = 1L;

  SkippedException(String message) {
    super(message);
  }
}
