/**
 * What an engine implements to be found by {@link dev.belljar.Sandbox#create()}, and what engines
 * share.
 */
@NullMarked
package dev.belljar.spi;

import org.jspecify.annotations.NullMarked;
