package dev.belljar.engine.egress.http;

import java.util.List;

/** How the end of a message's body is told (RFC 9112, section 6). */
public sealed interface Framing {
  /** There is none. */
  record None() implements Framing {}

  /** It has that many bytes. */
  record Length(long bytes) implements Framing {}

  /** It comes in chunks. */
  record Chunked() implements Framing {}

  /** It ends with the connection. */
  record UntilClose() implements Framing {}

  /**
   * Of a request.
   *
   * @throws HttpFormatException where it could be understood in two ways
   */
  static Framing ofRequest(MessageHead head) throws HttpFormatException {
    Framing told = told(head);
    return told instanceof UntilClose ? new None() : told;
  }

  /** Of a response to a request of that method. */
  static Framing ofResponse(MessageHead head, String method, int status)
      throws HttpFormatException {
    if (method.equals("HEAD") || status / 100 == 1 || status == 204 || status == 304) {
      return new None();
    }
    return told(head);
  }

  private static Framing told(MessageHead head) throws HttpFormatException {
    List<String> encodings = head.words("Transfer-Encoding");
    List<String> lengths = head.all("Content-Length");
    if (!head.all("Transfer-Encoding").isEmpty()) {
      if (!lengths.isEmpty() || !encodings.equals(List.of("chunked"))) {
        throw new HttpFormatException("a transfer encoding that is not chunked alone");
      }
      return new Chunked();
    }
    if (lengths.isEmpty()) {
      return new UntilClose();
    }
    String first = lengths.getFirst();
    if (!first.matches("[0-9]{1,18}") || lengths.stream().anyMatch(l -> !l.equals(first))) {
      throw new HttpFormatException("a content length that is none");
    }
    return new Length(Long.parseLong(first));
  }
}
