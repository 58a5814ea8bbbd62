package dev.belljar;

import dev.belljar.spi.WebUrl;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * An HTTP request to be made from within a sandbox. Immutable, but for its body, which is read
 * once.
 *
 * @param url {@code http} or {@code https}
 * @param method a token, for example {@code GET}
 * @param headers names and values, in order
 * @param body what is sent, and closed when the request is over; streamed in constant memory, its
 *     length unknown to the server unless there is a header {@code Content-Length}. A {@link
 *     ByteArrayInputStream} has a known length, and only that can be sent again where a redirection
 *     asks for it
 * @param followRedirects whether redirections are followed; default true
 */
public record FetchRequest(
    URI url,
    String method,
    List<Map.Entry<String, String>> headers,
    Optional<InputStream> body,
    boolean followRedirects) {

  /** Checks what can be checked without a network. */
  public FetchRequest {
    headers = List.copyOf(headers);
    String scheme = url.getScheme();
    if (scheme == null
        || !(scheme.equalsIgnoreCase("http") || scheme.equalsIgnoreCase("https"))
        || url.getHost() == null) {
      throw new InvalidOptionException(
          "'" + url + "' cannot be fetched: an http or https URL with a host is needed.");
    }
    if (!isToken(method)) {
      throw new InvalidOptionException("'" + method + "' is not an HTTP method.");
    }
    for (Map.Entry<String, String> header : headers) {
      if (!isToken(header.getKey())
          || header.getValue().chars().anyMatch(c -> c == '\r' || c == '\n' || c == 0)) {
        throw new InvalidOptionException(
            "'" + header.getKey() + "' is not a header that HTTP could carry.");
      }
    }
  }

  /**
   * A GET of that URL, read much as programs of the web do: {@code .} and {@code ..} are followed,
   * and what a URL may not have, such as spaces, <code>|</code>, <code>{</code> and letters beyond
   * ASCII, is encoded.
   *
   * @throws InvalidOptionException where it is no URL all the same
   */
  public static Builder to(String url) {
    try {
      return new Builder(WebUrl.parse(url));
    } catch (java.net.URISyntaxException e) {
      throw new InvalidOptionException("'" + url + "' is not a URL: " + e.getMessage(), e);
    }
  }

  /** RFC 9110, section 5.6.2. */
  private static boolean isToken(String text) {
    return !text.isEmpty()
        && text.chars()
            .allMatch(
                c ->
                    (c >= '0' && c <= '9')
                        || (c >= 'a' && c <= 'z')
                        || (c >= 'A' && c <= 'Z')
                        || "!#$%&'*+-.^_`|~".indexOf(c) >= 0);
  }

  /** Collects a request; every method returns the builder. */
  public static final class Builder {
    private final URI url;
    private String method = "GET";
    private final List<Map.Entry<String, String>> headers = new ArrayList<>();
    private Optional<InputStream> body = Optional.empty();
    private boolean followRedirects = true;

    private Builder(URI url) {
      this.url = url;
    }

    /** The method. */
    public Builder method(String name) {
      method = name;
      return this;
    }

    /** Adds a header. */
    public Builder header(String name, String value) {
      headers.add(Map.entry(name, value));
      return this;
    }

    /** What is sent. */
    public Builder body(InputStream bytes) {
      body = Optional.of(bytes);
      return this;
    }

    /** What is sent, as UTF-8. */
    public Builder body(String text) {
      return body(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)));
    }

    /** Gives redirections as answers instead of following them. */
    public Builder manualRedirects() {
      followRedirects = false;
      return this;
    }

    /**
     * The request.
     *
     * @throws InvalidOptionException where something cannot be
     */
    public FetchRequest build() {
      return new FetchRequest(url, method, headers, body, followRedirects);
    }
  }
}
