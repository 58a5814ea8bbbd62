package dev.belljar.server.store;

import java.nio.file.Path;

/** Another process, or this one, has the embedded database open; only one at a time can. */
public final class StoreInUseException extends StoreException {
  private static final long serialVersionUID = 1L;

  StoreInUseException(Path directory) {
    super(message(directory));
  }

  StoreInUseException(Path directory, Throwable cause) {
    super(message(directory), cause);
  }

  private static String message(Path directory) {
    return "The metadata in "
        + directory
        + " is in use by another Belljar server or command. Stop that one first, or use another data directory.";
  }
}
