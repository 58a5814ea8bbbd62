package dev.belljar.remote;

import java.io.IOException;

/** The server broke a stream off, and said why. */
final class StreamFailedException extends IOException {
  private static final long serialVersionUID = 1L;

  private final RemoteError error;

  StreamFailedException(RemoteError error) {
    super(error.message().isEmpty() ? "the stream failed in the sandbox" : error.message());
    this.error = error;
  }

  RemoteError error() {
    return error;
  }
}
