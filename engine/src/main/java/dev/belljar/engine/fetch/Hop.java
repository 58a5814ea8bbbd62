package dev.belljar.engine.fetch;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/**
 * One request to one server, as curl is told of it. Whatever a caller chose goes through a
 * configuration that curl reads from a pipe: neither is a secret on a command line, nor can a
 * header or an URL be taken for an option.
 */
record Hop(
    URI url,
    String method,
    List<Map.Entry<String, String>> headers,
    RequestBody body,
    Optional<GuestFetch.Server> server) {

  /** Of the connection, not of the request (RFC 9110, section 7.6.1); curl says these itself. */
  private static final Set<String> OF_THE_CONNECTION =
      Set.of(
          "connection",
          "content-length",
          "expect",
          "keep-alive",
          "proxy-connection",
          "te",
          "trailer",
          "transfer-encoding",
          "upgrade");

  boolean isHead() {
    return method.equalsIgnoreCase("HEAD");
  }

  /** The configuration; see "--config" in curl(1). */
  byte[] configuration() {
    StringBuilder text = new StringBuilder(1024);
    option(text, "url", target().toASCIIString());
    server.ifPresent(to -> option(text, "connect-to", "::" + to.host() + ":" + to.port()));
    if (isHead()) {
      text.append("head\n");
    } else {
      option(text, "request", method);
    }
    boolean named = false;
    for (Map.Entry<String, String> header : headers) {
      String name = header.getKey().toLowerCase(Locale.ROOT);
      named |= name.equals("user-agent");
      if (!OF_THE_CONNECTION.contains(name)) {
        header(text, header.getKey(), header.getValue());
      }
    }
    if (!named) {
      header(text, "User-Agent", "Belljar");
    }
    body(text);
    return encoded(text.toString());
  }

  private void body(StringBuilder text) {
    if (body.isPresent()) {
      option(text, "upload-file", "-");
      // An empty value removes a header that curl would send.
      option(text, "header", "Expect:");
      OptionalLong length = body.length().isPresent() ? body.length() : statedLength();
      if (length.isPresent()) {
        header(text, "Content-Length", Long.toString(length.getAsLong()));
        option(text, "header", "Transfer-Encoding:");
      }
    } else if (Set.of("POST", "PUT", "PATCH").contains(method.toUpperCase(Locale.ROOT))) {
      header(text, "Content-Length", "0");
    }
  }

  /** What the caller says of a body that is a stream. */
  private OptionalLong statedLength() {
    return headers.stream()
        .filter(header -> header.getKey().equalsIgnoreCase("content-length"))
        .map(Map.Entry::getValue)
        .filter(value -> value.matches("[0-9]{1,18}"))
        .mapToLong(Long::parseLong)
        .findFirst();
  }

  private URI target() {
    if (server.isEmpty()) {
      return url;
    }
    String text = url.toASCIIString();
    return URI.create("http" + text.substring(url.getScheme().length()));
  }

  private static void header(StringBuilder text, String name, String value) {
    String trimmed = value.strip();
    option(text, "header", trimmed.isEmpty() ? name + ";" : name + ": " + trimmed);
  }

  private static void option(StringBuilder text, String name, String value) {
    text.append(name).append(" = \"");
    text.append(value.replace("\\", "\\\\").replace("\"", "\\\"")).append("\"\n");
  }

  /** Header values are bytes; what does not fit into one each is sent as UTF-8. */
  private static byte[] encoded(String text) {
    boolean bytes = text.chars().allMatch(c -> c <= 0xff);
    return text.getBytes(bytes ? StandardCharsets.ISO_8859_1 : StandardCharsets.UTF_8);
  }
}
