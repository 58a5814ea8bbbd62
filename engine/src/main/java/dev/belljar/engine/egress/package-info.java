/**
 * Every connection that leaves a sandbox: what policy says of it, how it is dialled, copied and
 * recorded.
 */
@NullMarked
package dev.belljar.engine.egress;

import org.jspecify.annotations.NullMarked;
