/** The command line: {@code belljar run}, {@code demo}, {@code doctor} and {@code setup}. */
@NullMarked
package dev.belljar.cli;

import org.jspecify.annotations.NullMarked;
