/**
 * What clients say on a sandbox's socket: JSON-RPC 2.0 in text frames, and streams of bytes
 * (docs/protocol.md).
 */
@NullMarked
package dev.belljar.server.rpc;

import org.jspecify.annotations.NullMarked;
