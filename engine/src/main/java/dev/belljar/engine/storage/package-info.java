/** Where everything lies on this host, who owns it, and how it is cleared away. */
@NullMarked
package dev.belljar.engine.storage;

import org.jspecify.annotations.NullMarked;
