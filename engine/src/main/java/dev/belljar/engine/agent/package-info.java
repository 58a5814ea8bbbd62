/**
 * The host's end of the channel: frames, calls, streams with credit, and the operations of the
 * agent on top of them. What comes out of the guest is hostile input; docs/agent-protocol.md states
 * every bound that is checked here.
 */
@NullMarked
package dev.belljar.engine.agent;

import org.jspecify.annotations.NullMarked;
