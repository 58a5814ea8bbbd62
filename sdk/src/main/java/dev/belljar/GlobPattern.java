package dev.belljar;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Globs as Deno has them: {@code *} and {@code ?} stay within a name, {@code **} between slashes is
 * any number of directories, none included (which the JDK's globs do not know), {@code [abc]},
 * {@code [!abc]} and {@code {a,b}} as in a shell.
 */
final class GlobPattern {
  private static final Pattern SPECIAL = Pattern.compile("[*?\\[{]");

  private GlobPattern() {}

  /** The directories before the first special character; the whole glob where it has none. */
  static String literalPrefix(String glob) {
    Matcher special = SPECIAL.matcher(glob);
    if (!special.find()) {
      return glob;
    }
    int slash = glob.lastIndexOf('/', special.start());
    return slash == 0 ? "/" : glob.substring(0, Math.max(slash, 0));
  }

  /** What matches whole paths. */
  static Pattern compile(String glob) {
    StringBuilder regex = new StringBuilder();
    int braces = 0;
    int i = 0;
    while (i < glob.length()) {
      char c = glob.charAt(i);
      boolean nameStart = i == 0 || glob.charAt(i - 1) == '/';
      if (nameStart && glob.startsWith("**/", i)) {
        regex.append("(?:[^/]+/)*");
        i += 3;
      } else if (nameStart && glob.startsWith("**", i) && i + 2 == glob.length()) {
        regex.append(".*");
        i += 2;
      } else if (c == '[' && glob.indexOf(']', i + 2) > 0) {
        int end = glob.indexOf(']', i + 2);
        appendClass(regex, glob.substring(i + 1, end));
        i = end + 1;
      } else {
        switch (c) {
          // A whole name is not empty: "/*" does not mean the root itself.
          case '*' -> regex.append(nameStart ? "(?!/|$)[^/]*" : "[^/]*");
          case '?' -> regex.append("[^/]");
          case '{' -> {
            braces++;
            regex.append("(?:");
          }
          case '}' -> regex.append(braces-- > 0 ? ")" : "\\}");
          case ',' -> regex.append(braces > 0 ? "|" : ",");
          default -> regex.append(Pattern.quote(String.valueOf(c)));
        }
        braces = Math.max(braces, 0);
        i++;
      }
    }
    try {
      return Pattern.compile(regex.toString(), Pattern.DOTALL);
    } catch (PatternSyntaxException e) {
      throw new InvalidOptionException("'" + glob + "' is not a glob: " + e.getDescription(), e);
    }
  }

  private static void appendClass(StringBuilder regex, String members) {
    boolean negated = members.startsWith("!") || members.startsWith("^");
    regex.append(negated ? "[^/" : "[");
    for (char c : members.substring(negated ? 1 : 0).toCharArray()) {
      regex.append("\\[]^&".indexOf(c) >= 0 ? "\\" + c : String.valueOf(c));
    }
    regex.append(']');
  }
}
