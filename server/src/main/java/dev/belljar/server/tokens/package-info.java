/** How an operator makes and revokes tokens, whether the server runs or not. */
@NullMarked
package dev.belljar.server.tokens;

import org.jspecify.annotations.NullMarked;
