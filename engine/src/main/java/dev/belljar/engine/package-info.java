/**
 * Sandboxes on this host: what {@link dev.belljar.Sandbox#create()} finds when the engine is on the
 * class path.
 */
@NullMarked
package dev.belljar.engine;

import org.jspecify.annotations.NullMarked;
