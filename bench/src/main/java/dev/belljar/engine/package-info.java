/** JMH benchmarks of what is private to the engine's package of this name. */
@NullMarked
package dev.belljar.engine;

import org.jspecify.annotations.NullMarked;
