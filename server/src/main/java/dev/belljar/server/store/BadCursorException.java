package dev.belljar.server.store;

import dev.belljar.InvalidOptionException;

/** A cursor that no page of this store has handed out. */
public final class BadCursorException extends InvalidOptionException {
  private static final long serialVersionUID = 1L;

  BadCursorException() {
    // The text is the client's and says nothing to anyone: it is not repeated.
    super("The cursor is not one that this server has given. List again from the beginning.");
  }
}
