package dev.belljar.bench;

/**
 * What a user would pick instead, measured in the same run.
 *
 * @param name for example {@code bubblewrap}
 * @param samples in the same unit as Belljar's
 */
record Alternative(String name, Samples samples) {}
