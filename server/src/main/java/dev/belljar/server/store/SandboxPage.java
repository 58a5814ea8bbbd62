package dev.belljar.server.store;

import java.util.List;
import java.util.Optional;

/**
 * Some of an organization's sandboxes, newest first.
 *
 * @param sandboxes as many as were asked for, fewer on the last page
 * @param nextCursor asks for the page after this one; empty on the last
 */
public record SandboxPage(List<SandboxRecord> sandboxes, Optional<String> nextCursor) {

  /** Keeps a copy. */
  public SandboxPage {
    sandboxes = List.copyOf(sandboxes);
  }
}
