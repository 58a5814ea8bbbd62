package dev.belljar;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Where volumes may be mounted: in a place of their own, not over the system's. */
final class MountPaths {
  private static final int MOST = 8;
  private static final int LONGEST = 1024;

  /** Without these nothing runs. */
  private static final Set<String> SYSTEM =
      Set.of(
          "bin", "boot", "etc", "home", "lib", "lib32", "lib64", "libx32", "root", "sbin", "tmp",
          "usr", "var");

  /** Of the system's first names, those that the image has as links to the same below /usr. */
  private static final Set<String> BELOW_USR =
      Set.of("bin", "lib", "lib32", "lib64", "libx32", "sbin");

  /** Where the libraries of every program are. */
  private static final String LIBRARIES = "x86_64-linux-gnu";

  /** What the kernel serves. */
  private static final Set<String> KERNEL = Set.of("dev", "proc", "run", "sys");

  private MountPaths() {}

  /** The same with each path in its shortest form, those above others first. */
  static Map<String, String> normalized(Map<String, String> volumes) {
    if (volumes.size() > MOST) {
      throw new InvalidOptionException(
          "At most " + MOST + " volumes can be mounted, not " + volumes.size() + ".");
    }
    Map<String, String> checked = new LinkedHashMap<>();
    for (Map.Entry<String, String> volume : volumes.entrySet()) {
      String path = normalized(volume.getKey());
      if (checked.put(path, volume.getValue()) != null) {
        throw new InvalidOptionException("Two volumes cannot both be at '" + path + "'.");
      }
    }
    Map<String, String> ordered = new LinkedHashMap<>();
    checked.keySet().stream()
        .sorted()
        .forEach(path -> ordered.put(path, checked.getOrDefault(path, "")));
    return Collections.unmodifiableMap(ordered);
  }

  private static String normalized(String path) {
    if (!path.startsWith("/") || path.indexOf('\0') >= 0 || path.length() > LONGEST) {
      throw new InvalidOptionException(
          "A volume is mounted at an absolute path of at most "
              + LONGEST
              + " characters, not at '"
              + (path.length() <= LONGEST ? path : path.substring(0, 64) + "…")
              + "'.");
    }
    List<String> names = new ArrayList<>();
    for (String name : path.split("/", -1)) {
      if (name.equals("..")) {
        throw new InvalidOptionException("A volume cannot be at '" + path + "': it leads upwards.");
      }
      if (!name.isEmpty() && !name.equals(".")) {
        names.add(name);
      }
    }
    // The image has links of these names.
    if (!names.isEmpty() && names.getFirst().equals("app")) {
      names.addFirst("home");
    } else if (names.size() > 1 && BELOW_USR.contains(names.getFirst())) {
      names.addFirst("usr");
    }
    boolean system =
        names.isEmpty()
            || (names.size() == 1 && SYSTEM.contains(names.getFirst()))
            || isOfPrograms(names);
    if (system || KERNEL.contains(names.getFirst())) {
      throw new InvalidOptionException(
          "A volume cannot be at '" + path + "': the system is there. Use a place like /data.");
    }
    return "/" + String.join("/", names);
  }

  private static boolean isOfPrograms(List<String> names) {
    return names.size() > 1
        && names.getFirst().equals("usr")
        && BELOW_USR.contains(names.get(1))
        && (names.size() == 2 || names.get(2).equals(LIBRARIES));
  }
}
