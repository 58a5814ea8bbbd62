/**
 * Measures Belljar as a user meets it, beside what a user would pick instead. {@link
 * dev.belljar.bench.Bench} is the program.
 */
@NullMarked
package dev.belljar.bench;

import org.jspecify.annotations.NullMarked;
