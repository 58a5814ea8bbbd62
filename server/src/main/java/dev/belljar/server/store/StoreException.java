package dev.belljar.server.store;

import dev.belljar.BelljarException;

/**
 * The metadata store could not be opened or did not do what it was asked. A change that failed with
 * this was not made, unless the connection broke just as it was committed.
 */
public class StoreException extends BelljarException {
  private static final long serialVersionUID = 1L;

  StoreException(String message) {
    super(message);
  }

  StoreException(String message, Throwable cause) {
    super(message, cause);
  }
}
