package dev.belljar.examples.untrustedcode;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A file of {@code KEY=VALUE} lines. Empty lines and lines that begin with {@code #} are left out,
 * {@code export} before a key is allowed, values may stand in single or double quotes; without
 * quotes a value ends before {@code #}. In double quotes {@code \n}, {@code \"} and {@code \\} have
 * their usual meaning.
 */
public final class EnvFile {
  private static final Pattern ASSIGNMENT =
      Pattern.compile("(?:export\\s+)?([A-Za-z_][A-Za-z0-9_.]*)\\s*=\\s*(.*)");
  private static final Pattern SINGLE_QUOTED = Pattern.compile("'([^']*)'\\s*(?:#.*)?");
  private static final Pattern DOUBLE_QUOTED =
      Pattern.compile("\"((?:[^\"\\\\]|\\\\.)*)\"\\s*(?:#.*)?");
  private static final Pattern COMMENT = Pattern.compile("(?:^|\\s)#.*");

  private EnvFile() {}

  /**
   * Reads a file.
   *
   * @throws IOException where it cannot be read, or a line is none of the above; the message names
   *     the line's number and not its text, which may be secret
   */
  public static Map<String, String> read(Path file) throws IOException {
    try {
      return parse(Files.readAllLines(file), file.toString());
    } catch (CharacterCodingException e) {
      throw new IOException(file + " is not a file of KEY=VALUE lines: it is not UTF-8 text", e);
    }
  }

  static Map<String, String> parse(List<String> lines, String file) throws IOException {
    Map<String, String> variables = new LinkedHashMap<>();
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i).replace("\uFEFF", "").strip();
      if (line.isEmpty() || line.startsWith("#")) {
        continue;
      }
      Matcher assignment = ASSIGNMENT.matcher(line);
      if (!assignment.matches()) {
        throw new IOException(file + ", line " + (i + 1) + ": not of the form KEY=VALUE");
      }
      variables.put(assignment.group(1), value(assignment.group(2)));
    }
    return variables;
  }

  private static String value(String text) {
    Matcher single = SINGLE_QUOTED.matcher(text);
    if (single.matches()) {
      return single.group(1);
    }
    Matcher quoted = DOUBLE_QUOTED.matcher(text);
    if (quoted.matches()) {
      return unescaped(quoted.group(1));
    }
    return COMMENT.matcher(text).replaceFirst("").strip();
  }

  private static String unescaped(String text) {
    var result = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '\\') {
        i++;
        c = text.charAt(i) == 'n' ? '\n' : text.charAt(i);
      }
      result.append(c);
    }
    return result.toString();
  }
}
