/** HTTP requests from within a sandbox. */
@NullMarked
package dev.belljar.engine.fetch;

import org.jspecify.annotations.NullMarked;
