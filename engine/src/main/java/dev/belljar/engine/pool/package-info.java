/** Machines that wait ready, and whose turn it is to have one made. */
@NullMarked
package dev.belljar.engine.pool;

import org.jspecify.annotations.NullMarked;
