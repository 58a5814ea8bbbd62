/** Streams of bytes between those who write and those who read. */
@NullMarked
package dev.belljar.engine.streams;

import org.jspecify.annotations.NullMarked;
