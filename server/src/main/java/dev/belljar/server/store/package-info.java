/**
 * What the server remembers across restarts: tokens and sandboxes, in a database of its own.
 *
 * <p>It depends on no other package of the server.
 */
@NullMarked
package dev.belljar.server.store;

import org.jspecify.annotations.NullMarked;
