package dev.belljar.engine.vmm;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.StringTokenizer;
import java.util.TreeSet;

/**
 * Looks from outside whether a process is confined as promised, by what the kernel says of it in
 * {@code /proc}. What cannot be read counts as missing. Blocks for about a millisecond.
 */
final class JailCheck {
  private static final List<String> NAMESPACES =
      List.of("user", "mnt", "pid", "net", "ipc", "uts", "cgroup");
  private static final List<String> CAPABILITY_SETS =
      List.of("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb");

  private final Path proc;
  private final JailPromise promise;

  /**
   * Of this promise.
   *
   * @param proc where the kernel's process file system is
   */
  JailCheck(Path proc, JailPromise promise) {
    this.proc = proc;
    this.promise = promise;
  }

  /** What this process lacks of what was promised, in words for a user; empty if nothing. */
  List<String> verify(long pid) {
    Path process = proc.resolve(Long.toString(pid));
    Set<String> missing = new LinkedHashSet<>();
    look(missing, "the program", () -> checkProgram(process, missing));
    look(missing, "its threads", () -> checkThreads(process, missing));
    for (String name : NAMESPACES) {
      look(missing, "own " + name + " namespace", () -> checkNamespace(process, name, missing));
    }
    look(missing, "one mapped user", () -> checkMapping(process, missing));
    look(missing, "empty network", () -> checkNetwork(process, missing));
    look(missing, "a root with nothing else in it", () -> checkMounts(process, missing));
    look(missing, "resource limits", () -> checkLimits(process, missing));
    return List.copyOf(missing);
  }

  private interface Look {
    void run() throws IOException;
  }

  private static void look(Set<String> missing, String what, Look look) {
    try {
      look.run();
    } catch (IOException | RuntimeException e) {
      missing.add(what + " (this cannot be read in /proc: " + e + ")");
    }
  }

  private void checkProgram(Path process, Set<String> missing) throws IOException {
    if (!Files.isSameFile(process.resolve("exe"), promise.program())) {
      missing.add("the program (another than QEMU runs)");
    }
  }

  private void checkThreads(Path process, Set<String> missing) throws IOException {
    int threads = 0;
    try (DirectoryStream<Path> tasks = Files.newDirectoryStream(process.resolve("task"))) {
      for (Path task : tasks) {
        checkStatus(fields(task.resolve("status")), missing);
        threads++;
      }
    }
    if (threads == 0) {
      missing.add("its threads (there are none)");
    }
  }

  private void checkStatus(Map<String, String> status, Set<String> missing) {
    String id = Integer.toString(promise.user().id());
    for (String field : List.of("Uid", "Gid")) {
      if (!List.of(id, id, id, id).equals(words(status.getOrDefault(field, "")))) {
        missing.add("user " + id + " (" + field + " is " + status.get(field) + ")");
      }
    }
    if (promise.user().kind() != JailUser.Kind.OURS) {
      for (String group : words(status.getOrDefault("Groups", "unknown"))) {
        if (!promise.groups().contains(Integer.parseInt(group))) {
          missing.add("no other groups (it has " + group + ")");
        }
      }
    }
    for (String set : CAPABILITY_SETS) {
      String mask = status.getOrDefault(set, "");
      if (mask.isEmpty() || !mask.replace("0", "").isEmpty()) {
        missing.add("no capabilities (" + set + " is " + mask + ")");
      }
    }
    if (!"1".equals(status.get("NoNewPrivs"))) {
      missing.add("no_new_privs");
    }
    if (!"2".equals(status.get("Seccomp"))) {
      missing.add("seccomp filter");
    }
  }

  private void checkNamespace(Path process, String name, Set<String> missing) throws IOException {
    Path link = Path.of("ns", name);
    Path theirs = Files.readSymbolicLink(process.resolve(link));
    if (theirs.equals(Files.readSymbolicLink(proc.resolve("self").resolve(link)))) {
      missing.add("own " + name + " namespace");
    }
  }

  /** A namespace with more ids mapped has more users to become. */
  private static void checkMapping(Path process, Set<String> missing) throws IOException {
    for (String file : List.of("uid_map", "gid_map")) {
      List<String> lines = Files.readAllLines(process.resolve(file));
      if (lines.size() != 1 || !words(lines.getFirst()).getLast().equals("1")) {
        missing.add("one mapped user (" + file + " has more)");
      }
    }
  }

  private static void checkNetwork(Path process, Set<String> missing) throws IOException {
    List<String> interfaces = Files.readAllLines(process.resolve("net/dev"));
    // Two lines of heading.
    for (String line : interfaces.subList(2, interfaces.size())) {
      String name = line.strip().split(":", -1)[0];
      if (!name.equals("lo")) {
        missing.add("empty network (it has " + name + ")");
      }
    }
    if (Files.readAllLines(process.resolve("net/route")).size() > 1) {
      missing.add("empty network (it has routes)");
    }
  }

  private void checkMounts(Path process, Set<String> missing) throws IOException {
    Set<String> seen = new HashSet<>();
    for (String line : Files.readAllLines(process.resolve("mountinfo"))) {
      List<String> fields = words(line);
      String point = unescape(fields.get(4));
      if (!promise.mounts().containsKey(point)) {
        missing.add("a root with nothing else in it (" + point + " is mounted)");
      } else if (!seen.add(point)) {
        missing.add("a root with nothing else in it (" + point + " is mounted twice)");
      }
      boolean readOnly = Arrays.asList(fields.get(5).split(",", -1)).contains("ro");
      if (!readOnly && !promise.writable().contains(point)) {
        missing.add("read-only root (" + point + " can be written to)");
      }
    }
    for (String point : new TreeSet<>(promise.mounts().keySet())) {
      Path there = process.resolve("root").resolve(point.substring(1));
      if (!seen.contains(point) || !Files.isSameFile(there, promise.mounts().get(point))) {
        missing.add("a root with nothing else in it (" + point + " is not what was put there)");
      }
    }
  }

  private void checkLimits(Path process, Set<String> missing) throws IOException {
    Map<String, List<String>> found = new HashMap<>();
    for (String line : Files.readAllLines(process.resolve("limits"))) {
      for (String name : promise.limits().keySet()) {
        if (line.startsWith(name)) {
          found.put(name, words(line.substring(name.length())));
        }
      }
    }
    promise
        .limits()
        .forEach(
            (name, value) -> {
              List<String> values = found.getOrDefault(name, List.of());
              String wanted = value.toString();
              if (values.size() < 2
                  || !values.get(0).equals(wanted)
                  || !values.get(1).equals(wanted)) {
                missing.add("limit of " + name.substring(4) + " (it should be " + value + ")");
              }
            });
  }

  private static Map<String, String> fields(Path file) throws IOException {
    Map<String, String> fields = new HashMap<>();
    for (String line : Files.readAllLines(file)) {
      int colon = line.indexOf(':');
      if (colon > 0) {
        fields.put(line.substring(0, colon), line.substring(colon + 1).strip());
      }
    }
    return fields;
  }

  private static List<String> words(String line) {
    List<String> words = new ArrayList<>();
    for (StringTokenizer rest = new StringTokenizer(line); rest.hasMoreTokens(); ) {
      words.add(rest.nextToken());
    }
    return words;
  }

  /** The kernel writes a blank in a path as three octal digits. */
  private static String unescape(String path) {
    return path.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\");
  }
}
