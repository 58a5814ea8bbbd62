/**
 * What clients ask over HTTP: handshakes, the management API, health and metrics
 * (docs/protocol.md).
 */
@NullMarked
package dev.belljar.server.api;

import org.jspecify.annotations.NullMarked;
