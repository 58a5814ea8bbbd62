/** What all processes of a sandbox have in common, whichever way they were started. */
@NullMarked
package dev.belljar.engine.process;

import org.jspecify.annotations.NullMarked;
