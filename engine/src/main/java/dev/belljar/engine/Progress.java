package dev.belljar.engine;

/** Hears what long work is at. */
@FunctionalInterface
public interface Progress {

  /** One line, for example {@code Building the image: fetching Deno 2.9.6}. */
  void step(String what);
}
