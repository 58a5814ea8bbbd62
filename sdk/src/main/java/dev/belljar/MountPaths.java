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

  /** Below these there is room for directories of one's own. */
  private static final Set<String> TAKEN =
      Set.of(
          "/",
          "/home",
          "/root",
          "/tmp",
          "/usr/local",
          "/usr/local/etc",
          "/usr/local/games",
          "/usr/local/include",
          "/usr/local/lib",
          "/usr/local/libexec",
          "/usr/local/share",
          "/var",
          "/var/backups",
          "/var/cache",
          "/var/lib",
          "/var/log",
          "/var/mail",
          "/var/spool",
          "/var/tmp");

  /**
   * What the system consists of, what the kernel serves, and links that lead there: with everything
   * below. Programs of the image such as deno and node are in /usr/local.
   */
  private static final Set<String> SYSTEM =
      Set.of(
          "/bin",
          "/boot",
          "/dev",
          "/etc",
          "/lib",
          "/lib32",
          "/lib64",
          "/libx32",
          "/proc",
          "/run",
          "/sbin",
          "/sys",
          "/usr",
          "/usr/local/bin",
          "/usr/local/lib/node_modules",
          "/usr/local/man",
          "/usr/local/sbin",
          "/var/lib/apt",
          "/var/lib/dpkg",
          "/var/lib/pam",
          "/var/lib/python",
          "/var/lib/sudo",
          "/var/lib/systemd",
          "/var/lock",
          "/var/run",
          "/var/spool/mail");

  /** Of what is below those, what is nevertheless not the system's. */
  private static final Set<String> OWN = Set.of("/usr/local", "/usr/src");

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
    // The image has a link of this name.
    if (!names.isEmpty() && names.getFirst().equals("app")) {
      names.addFirst("home");
    }
    if (isTaken(names)) {
      throw new InvalidOptionException(
          "A volume cannot be at '"
              + path
              + "': the system is there. Use a directory of its own, such as /data, /srv/data or"
              + " /var/lib/data.");
    }
    return "/" + String.join("/", names);
  }

  /** What is said of the longest beginning of a path counts. */
  private static boolean isTaken(List<String> names) {
    if (TAKEN.contains("/" + String.join("/", names))) {
      return true;
    }
    for (int length = names.size(); length > 0; length--) {
      String above = "/" + String.join("/", names.subList(0, length));
      if (OWN.contains(above)) {
        return false;
      }
      if (SYSTEM.contains(above)) {
        return true;
      }
    }
    return false;
  }
}
