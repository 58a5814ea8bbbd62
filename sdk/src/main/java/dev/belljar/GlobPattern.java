package dev.belljar;

import java.util.StringJoiner;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Globs as Deno has them: {@code *} and {@code ?} stay within a name, {@code **} between slashes is
 * any number of directories, none included (which the JDK's globs do not know), {@code [abc]},
 * {@code [!abc]} and {@code {a,b}} as in a shell.
 */
final class GlobPattern {
  private static final Pattern SPECIAL = Pattern.compile("[*?\\[{\\\\]|[+@!]\\(");

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
  static Pattern compile(String glob, GlobOptions options) {
    try {
      return Pattern.compile(
          regex(glob, options, true),
          Pattern.DOTALL
              | (options.caseInsensitive() ? Pattern.CASE_INSENSITIVE | Pattern.UNICODE_CASE : 0));
    } catch (PatternSyntaxException e) {
      throw new InvalidOptionException("'" + glob + "' is not a glob: " + e.getDescription(), e);
    }
  }

  private static String regex(String glob, GlobOptions options, boolean outermost) {
    StringBuilder regex = new StringBuilder();
    int braces = 0;
    int i = 0;
    while (i < glob.length()) {
      char c = glob.charAt(i);
      boolean nameStart = i == 0 ? outermost : glob.charAt(i - 1) == '/';
      int group = options.extended() ? groupEnd(glob, i) : -1;
      if (outermost && i > 0 && glob.startsWith("/**", i) && i + 3 == glob.length()) {
        // The directory itself as well.
        regex.append(options.globstar() ? "(?:/.*)?" : "(?:/[^/]*)?");
        i += 3;
      } else if (group > 0) {
        regex.append(group(c, glob.substring(i + 2, group), glob.substring(group + 1), options));
        i = group + 1;
      } else if (options.globstar() && nameStart && glob.startsWith("**/", i)) {
        regex.append("(?:[^/]+/)*");
        i += 3;
      } else if (options.globstar()
          && nameStart
          && glob.startsWith("**", i)
          && i + 2 == glob.length()) {
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
          case '\\' -> {
            i = Math.min(i + 1, glob.length() - 1);
            regex.append(Pattern.quote(String.valueOf(glob.charAt(i))));
          }
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
    return regex.toString();
  }

  /** Where the group that begins here ends; -1 where none does. */
  private static int groupEnd(String glob, int at) {
    if ("?*+@!".indexOf(glob.charAt(at)) < 0 || !glob.startsWith("(", at + 1)) {
      return -1;
    }
    int depth = 0;
    for (int i = at + 1; i < glob.length(); i++) {
      depth += glob.charAt(i) == '(' ? 1 : glob.charAt(i) == ')' ? -1 : 0;
      if (depth == 0) {
        return i;
      }
    }
    return -1;
  }

  private static String group(char kind, String content, String rest, GlobOptions options) {
    StringJoiner alternatives = new StringJoiner("|", "(?:", ")");
    int depth = 0;
    int from = 0;
    for (int i = 0; i <= content.length(); i++) {
      if (i == content.length() || (depth == 0 && content.charAt(i) == '|')) {
        alternatives.add(regex(content.substring(from, i), options, false));
        from = i + 1;
      } else {
        depth += content.charAt(i) == '(' ? 1 : content.charAt(i) == ')' ? -1 : 0;
      }
    }
    return switch (kind) {
      // Nothing that one of them and the rest of the glob would match.
      case '!' -> "(?!" + alternatives + regex(rest, options, false) + "$)[^/]*";
      case '@' -> alternatives.toString();
      default -> alternatives.toString() + kind;
    };
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
