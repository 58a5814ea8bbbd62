/** The sandboxes that run here, whose they are, and how long they live. */
@NullMarked
package dev.belljar.server.sandboxes;

import org.jspecify.annotations.NullMarked;
