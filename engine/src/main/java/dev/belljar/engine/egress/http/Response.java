package dev.belljar.engine.egress.http;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The head of a response, with what its start line says.
 *
 * @param status 100 to 999
 * @param version 0 or 1, of HTTP/1
 * @param head all of it
 */
public record Response(int status, int version, MessageHead head) {
  private static final Pattern LINE = Pattern.compile("HTTP/1\\.([01]) ([1-9]\\d\\d)(?: .*)?");

  /** Reads a head. */
  public static Response parse(byte[] bytes) throws HttpFormatException {
    MessageHead head = MessageHead.parse(bytes);
    Matcher line = LINE.matcher(head.startLine());
    if (!line.matches()) {
      throw new HttpFormatException("a status line that is not one of HTTP/1");
    }
    return new Response(Integer.parseInt(line.group(2)), Integer.parseInt(line.group(1)), head);
  }

  /** With another head of the same status. */
  public Response with(MessageHead other) {
    return new Response(status, version, other);
  }

  /** Whether another one comes before the one that counts. */
  boolean isInterim() {
    return status / 100 == 1 && status != 101;
  }

  /** Whether the connection goes on after it. */
  boolean keepsAlive() {
    var words = head.words("Connection");
    return version == 1 ? !words.contains("close") : words.contains("keep-alive");
  }
}
