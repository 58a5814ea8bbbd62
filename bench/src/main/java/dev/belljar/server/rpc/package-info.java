/** JMH benchmarks of what is private to the server's package of this name. */
@NullMarked
package dev.belljar.server.rpc;

import org.jspecify.annotations.NullMarked;
