/** Deno in a sandbox: programs and evaluators. */
@NullMarked
package dev.belljar.engine.deno;

import org.jspecify.annotations.NullMarked;
