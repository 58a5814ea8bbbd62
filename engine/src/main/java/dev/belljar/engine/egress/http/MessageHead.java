package dev.belljar.engine.egress.http;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;

/**
 * The start line and the header fields of a message (RFC 9112). Texts hold one character for each
 * byte. Immutable.
 *
 * @param startLine without its line end
 * @param fields in their order
 */
public record MessageHead(String startLine, List<Field> fields) {
  private static final int MOST_FIELDS = 500;
  private static final String TOKEN_MARKS = "!#$%&'*+-.^_`|~";

  /**
   * A header field.
   *
   * @param name as it was written
   * @param value without the space around it
   */
  public record Field(String name, String value) {
    /** Whether it has that name, in whatever case. */
    public boolean is(String other) {
      return name.equalsIgnoreCase(other);
    }
  }

  /** Copies the fields. */
  public MessageHead {
    fields = List.copyOf(fields);
  }

  /**
   * Reads a head.
   *
   * @param bytes all of it, with the empty line
   * @throws HttpFormatException where it is not well-formed; folded lines, line ends other than
   *     CRLF and space before a colon are not
   */
  public static MessageHead parse(byte[] bytes) throws HttpFormatException {
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    int end = text.indexOf("\r\n");
    if (end <= 0 || !text.endsWith("\r\n\r\n")) {
      throw new HttpFormatException("a head without a start line");
    }
    String startLine = checked(text.substring(0, end));
    return new MessageHead(startLine, parseFields(text.substring(end + 2, text.length() - 2)));
  }

  /** Reads lines of fields, each with its CRLF. */
  static List<Field> parseFields(String lines) throws HttpFormatException {
    List<Field> fields = new ArrayList<>();
    int at = 0;
    while (at < lines.length()) {
      int end = lines.indexOf("\r\n", at);
      String line = checked(lines.substring(at, end));
      int colon = line.indexOf(':');
      if (colon <= 0 || !isToken(line.substring(0, colon))) {
        throw new HttpFormatException("a line that is no header field");
      }
      if (fields.size() == MOST_FIELDS) {
        throw new HttpFormatException("more than " + MOST_FIELDS + " header fields");
      }
      fields.add(new Field(line.substring(0, colon), stripped(line.substring(colon + 1))));
      at = end + 2;
    }
    return fields;
  }

  /** As it goes over the wire. */
  public byte[] toBytes() {
    StringBuilder text = new StringBuilder(startLine).append("\r\n");
    fields.forEach(
        field -> text.append(field.name()).append(": ").append(field.value()).append("\r\n"));
    return text.append("\r\n").toString().getBytes(StandardCharsets.ISO_8859_1);
  }

  /** The values of all fields of a name. */
  public List<String> all(String name) {
    return fields.stream().filter(field -> field.is(name)).map(Field::value).toList();
  }

  /** The words of a list that may be spread over several fields, in lower case. */
  public List<String> words(String name) {
    List<String> words = new ArrayList<>();
    for (String value : all(name)) {
      for (String word : value.split(",", -1)) {
        String stripped = stripped(word);
        if (!stripped.isEmpty()) {
          words.add(stripped.toLowerCase(Locale.ROOT));
        }
      }
    }
    return words;
  }

  /** Without the fields that fit. */
  public MessageHead without(Predicate<Field> unwanted) {
    return new MessageHead(startLine, fields.stream().filter(unwanted.negate()).toList());
  }

  /** With one more field at its end. */
  public MessageHead with(String name, String value) {
    List<Field> more = new ArrayList<>(fields);
    more.add(new Field(name, value));
    return new MessageHead(startLine, more);
  }

  private static String checked(String line) throws HttpFormatException {
    for (int i = 0; i < line.length(); i++) {
      char c = line.charAt(i);
      if ((c < ' ' && c != '\t') || c == 0x7f) {
        throw new HttpFormatException("a control character in a head");
      }
    }
    return line;
  }

  static boolean isToken(String text) {
    return !text.isEmpty()
        && text.chars()
            .allMatch(
                c ->
                    (c >= '0' && c <= '9')
                        || (c >= 'A' && c <= 'Z')
                        || (c >= 'a' && c <= 'z')
                        || TOKEN_MARKS.indexOf(c) >= 0);
  }

  private static String stripped(String text) {
    int from = 0;
    int to = text.length();
    while (from < to && isSpace(text.charAt(from))) {
      from++;
    }
    while (to > from && isSpace(text.charAt(to - 1))) {
      to--;
    }
    return text.substring(from, to);
  }

  private static boolean isSpace(char c) {
    return c == ' ' || c == '\t';
  }
}
