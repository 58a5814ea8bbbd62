package dev.belljar.server.sandboxes;

import dev.belljar.SandboxOptions;
import java.time.Instant;
import java.util.Optional;

/**
 * What a client wants.
 *
 * @param options how the sandbox is made, but for its lifetime
 * @param stopAt when it is to end; empty is the end of the client's socket
 */
public record SandboxRequest(SandboxOptions.Builder options, Optional<Instant> stopAt) {}
