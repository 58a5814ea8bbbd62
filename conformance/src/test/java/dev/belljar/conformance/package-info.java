/** Deno's official JavaScript client, as npm has it, against a server with real machines. */
@NullMarked
package dev.belljar.conformance;

import org.jspecify.annotations.NullMarked;
