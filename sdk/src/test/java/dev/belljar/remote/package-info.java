/** Tests of the remote client against servers that say exactly what a test wants. */
@NullMarked
package dev.belljar.remote;

import org.jspecify.annotations.NullMarked;
