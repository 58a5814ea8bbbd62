package dev.belljar;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The answer to a {@link FetchRequest}. Close it: until then a process or a connection stays open
 * for its body.
 *
 * @param status for example 200
 * @param statusText for example {@code OK}; may be empty
 * @param headers names in lower case and values, in order
 * @param body the body as it comes
 */
public record FetchResponse(
    int status, String statusText, List<Map.Entry<String, String>> headers, InputStream body)
    implements AutoCloseable {

  /** Copies the headers. */
  public FetchResponse {
    headers = List.copyOf(headers);
  }

  /** The first value of a header. */
  public Optional<String> header(String name) {
    return headers.stream()
        .filter(header -> header.getKey().equalsIgnoreCase(name))
        .map(Map.Entry::getValue)
        .findFirst();
  }

  /**
   * Blocks until the body has ended and gives it as UTF-8.
   *
   * @throws FetchException where the connection breaks off before
   */
  public String text() {
    try (body) {
      return new String(body.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new FetchException("The body ended early: " + e.getMessage(), e);
    }
  }

  /** Gives up what is left of the body. Idempotent. */
  @Override
  public void close() {
    try {
      body.close();
    } catch (IOException e) {
      // Nothing is wanted of it any more.
    }
  }
}
