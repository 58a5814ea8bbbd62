/**
 * Sandboxes of a server, over Deno Sandbox's protocol (docs/protocol.md).
 *
 * <p>{@code Server} makes HTTP requests and handshakes, {@code Socket} carries messages, {@code
 * Rpc} makes calls and streams of them, and the {@code Remote…} classes are the API over those
 * calls.
 */
@NullMarked
package dev.belljar.remote;

import org.jspecify.annotations.NullMarked;
