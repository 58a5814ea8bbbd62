/** What operators see. */
@NullMarked
package dev.belljar.server.observe;

import org.jspecify.annotations.NullMarked;
