package dev.belljar;

import java.util.ArrayList;
import java.util.List;

/** Paths of a sandbox as text: what can be said of them without asking it. */
final class PathText {
  private PathText() {}

  /**
   * Without {@code .}, empty names and, as far as possible, {@code ..}; a slash at the end stays,
   * as in {@code normalize} of Deno's {@code @std/path}. The empty path is {@code .}.
   */
  static String normalize(String path) {
    return normalized(path, false);
  }

  /**
   * The same for a glob, where {@code ..} takes away no {@code **} and no part of a group: that
   * stands for more than one name.
   */
  static String normalizeGlob(String glob) {
    return normalized(glob, true);
  }

  /** The last name; {@code /} for the root. */
  static String name(String path) {
    int end = path.length();
    while (end > 1 && path.charAt(end - 1) == '/') {
      end--;
    }
    return end <= 1
        ? path.substring(0, end)
        : path.substring(path.lastIndexOf('/', end - 1) + 1, end);
  }

  private static String normalized(String path, boolean glob) {
    boolean absolute = path.startsWith("/");
    List<String> names = new ArrayList<>();
    for (String name : path.split("/", -1)) {
      boolean up = name.equals("..");
      if (up && !names.isEmpty() && isOneName(names.getLast(), glob)) {
        names.removeLast();
      } else if (!name.isEmpty() && !name.equals(".") && !(up && absolute && names.isEmpty())) {
        names.add(name);
      }
    }
    String joined = String.join("/", names);
    if (joined.isEmpty()) {
      joined = absolute ? "" : ".";
    }
    String end = path.endsWith("/") && !joined.isEmpty() ? "/" : "";
    return (absolute ? "/" : "") + joined + end;
  }

  private static boolean isOneName(String name, boolean glob) {
    return !name.equals("..")
        && !(glob && (name.equals("**") || name.contains("{") || name.contains("(")));
  }
}
