/**
 * Run code nobody trusts in a real Linux microVM.
 *
 * <p>{@link dev.belljar.Sandbox#create()} is the way in. The names are those of Deno's sandbox SDK,
 * so that its documentation carries over; the idiom is Java's: calls block, resources are {@link
 * AutoCloseable}, errors are unchecked {@link dev.belljar.BelljarException}s.
 */
@NullMarked
package dev.belljar;

import org.jspecify.annotations.NullMarked;
