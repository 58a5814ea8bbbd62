package dev.belljar.engine.fetch;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** What is sent with a request: nothing, bytes, or a stream that can be sent once. */
final class RequestBody implements AutoCloseable {
  static final RequestBody NONE = new RequestBody(null, InputStream.nullInputStream());

  private final byte @Nullable [] bytes;
  private final @Nullable InputStream stream;

  private RequestBody(byte @Nullable [] bytes, @Nullable InputStream stream) {
    this.bytes = bytes;
    this.stream = stream;
  }

  static RequestBody of(Optional<InputStream> body) {
    if (body.isEmpty()) {
      return NONE;
    }
    return body.get() instanceof ByteArrayInputStream known
        ? new RequestBody(known.readAllBytes(), null)
        : new RequestBody(null, body.get());
  }

  boolean isPresent() {
    return this != NONE;
  }

  boolean canBeSentAgain() {
    return this == NONE || bytes != null;
  }

  OptionalLong length() {
    return bytes == null ? OptionalLong.empty() : OptionalLong.of(bytes.length);
  }

  InputStream open() {
    return bytes != null
        ? new ByteArrayInputStream(bytes)
        : java.util.Objects.requireNonNull(stream);
  }

  /** Nothing of it is read any more. */
  @Override
  public void close() {
    if (stream != null) {
      try {
        stream.close();
      } catch (IOException e) {
        // It was not wanted any more.
      }
    }
  }
}
