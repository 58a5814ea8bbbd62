/** What a guest may use and never sees: placeholders, and the values that they stand for. */
@NullMarked
package dev.belljar.engine.egress.secrets;

import org.jspecify.annotations.NullMarked;
