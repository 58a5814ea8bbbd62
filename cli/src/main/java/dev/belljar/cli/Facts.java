package dev.belljar.cli;

/** What is known of one thing, a line each. */
final class Facts {
  private final StringBuilder text = new StringBuilder();

  Facts add(String name, Object value) {
    text.append(String.format("%-10s %s%n", name, value));
    return this;
  }

  @Override
  public String toString() {
    return text.toString();
  }
}
