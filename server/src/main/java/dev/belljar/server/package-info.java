/** Sandboxes over the network: Deno Sandbox's wire protocol, for the official clients. */
@NullMarked
package dev.belljar.server;

import org.jspecify.annotations.NullMarked;
