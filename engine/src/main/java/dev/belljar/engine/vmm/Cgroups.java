package dev.belljar.engine.vmm;

import dev.belljar.engine.vmm.MachineCgroup.Setting;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where this process may make control groups for its machines, by controller. Version 1 hierarchies
 * take them below this process's own group. In version 2 a group with processes has no groups with
 * limits below it, so they are made beside it: in the nearest group above that hands the
 * controllers down and that this user may write to.
 *
 * @param places by controller ({@code memory}, {@code cpu}, {@code pids}), those that there are
 * @param reasons by controller, why there is none
 */
public record Cgroups(Map<String, Place> places, Map<String, String> reasons) {
  private static final Logger LOG = LoggerFactory.getLogger(Cgroups.class);
  private static final List<String> CONTROLLERS = List.of("memory", "cpu", "pids");

  /**
   * What a machine may take beyond its guest's memory: QEMU itself, its translations, and the pages
   * of the template and disk that it reads.
   */
  public static final int OVERHEAD_MEBIBYTES = 512;

  private static final int PERIOD_MICROS = 100_000;

  /** Threads of QEMU beside its virtual processors: its own, and 64 for each disk at most. */
  private static final int THREADS = 160;

  /**
   * A group that groups can be made in.
   *
   * @param directory in the control groups' file system
   * @param version 1 or 2
   */
  public record Place(Path directory, int version) {}

  /** Keeps the maps in their order. */
  public Cgroups {
    places = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(places));
    reasons = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(reasons));
  }

  /** Of this process, as it is now. */
  public static Cgroups ofThisProcess() {
    return find(Path.of("/proc/self"), Files::isWritable);
  }

  /**
   * Directories of the groups whose limits bound what memory machines take: that in which their
   * groups are made, else this process's own, else the one that is mounted here; and those above
   * it.
   */
  public static List<Path> boundingMemory() {
    return boundingMemory(Path.of("/proc/self"), Files::isWritable);
  }

  static List<Path> boundingMemory(Path process, Predicate<Path> writable) {
    try {
      List<Hierarchy> all = Hierarchy.read(process.resolve("mountinfo"));
      Optional<Hierarchy> first =
          all.stream().filter(one -> one.controllers.contains("memory")).findFirst();
      Optional<Hierarchy> hierarchy =
          first.or(() -> all.stream().filter(one -> one.controllers.isEmpty()).findFirst());
      if (hierarchy.isEmpty()) {
        return List.of();
      }
      Path top = hierarchy.get().mountPoint;
      List<Path> groups = new ArrayList<>();
      Optional<Place> made = Optional.ofNullable(find(process, writable).places.get("memory"));
      @Nullable Path group =
          made.isPresent()
              ? made.get().directory()
              : ownOrTop(process, hierarchy.get(), first.isPresent() ? "memory" : "");
      while (group != null && group.startsWith(top)) {
        groups.add(group);
        group = group.getParent();
      }
      return groups;
    } catch (IOException e) {
      LOG.warn("Limits of control groups are not known: {}", e.toString());
      return List.of();
    }
  }

  private static Path ownOrTop(Path process, Hierarchy hierarchy, String controller)
      throws IOException {
    try {
      return hierarchy.locate(pathOf(own(process), controller));
    } catch (NoPlaceException e) {
      return hierarchy.mountPoint;
    }
  }

  private static List<String[]> own(Path process) throws IOException {
    return Files.readAllLines(process.resolve("cgroup")).stream()
        .map(line -> line.split(":", 3))
        .filter(parts -> parts.length == 3)
        .toList();
  }

  /** Directories in which groups are made, each once. */
  public List<Path> directories() {
    return places.values().stream().map(Place::directory).distinct().toList();
  }

  /**
   * Makes the group of a machine; empty where there is no place for one, or the kernel refuses it,
   * which is logged.
   *
   * @param name of the group, new
   */
  Optional<MachineCgroup> make(String name, MachineShape shape) {
    if (places.isEmpty()) {
      return Optional.empty();
    }
    Map<Path, List<Setting>> groups = new LinkedHashMap<>();
    places.forEach(
        (controller, place) ->
            groups
                .computeIfAbsent(place.directory().resolve(name), key -> new ArrayList<>())
                .addAll(settings(controller, place.version(), shape)));
    try {
      return Optional.of(MachineCgroup.make(groups, String.join(", ", places.keySet())));
    } catch (IOException e) {
      LOG.warn("A machine runs without a control group of its own: {}", e.toString());
      return Optional.empty();
    }
  }

  /** What is written for a machine of that shape, by a file beside the groups' directories. */
  Map<Path, String> settings(MachineShape shape) {
    Map<Path, String> values = new LinkedHashMap<>();
    places.forEach(
        (controller, place) ->
            settings(controller, place.version(), shape)
                .forEach(
                    setting ->
                        values.put(place.directory().resolve(setting.file()), setting.value())));
    return values;
  }

  private static List<Setting> settings(String controller, int version, MachineShape shape) {
    long bytes = (shape.memoryMebibytes() + (long) OVERHEAD_MEBIBYTES) << 20;
    // Half a processor more than the guest has, for the disk and the monitor.
    long quota = shape.vcpus() * (long) PERIOD_MICROS + PERIOD_MICROS / 2;
    String processes = Integer.toString(shape.vcpus() + THREADS);
    return switch (controller) {
      case "memory" ->
          List.of(
              new Setting(
                  version == 2 ? "memory.max" : "memory.limit_in_bytes", Long.toString(bytes)));
      case "cpu" ->
          version == 2
              ? List.of(new Setting("cpu.max", quota + " " + PERIOD_MICROS))
              : List.of(
                  new Setting("cpu.cfs_period_us", Integer.toString(PERIOD_MICROS)),
                  new Setting("cpu.cfs_quota_us", Long.toString(quota)));
      case "pids" -> List.of(new Setting("pids.max", processes));
      default -> throw new IllegalArgumentException(controller);
    };
  }

  /** As the kernel tells it in this directory of {@code /proc}. */
  static Cgroups find(Path process, Predicate<Path> writable) {
    Map<String, Place> places = new LinkedHashMap<>();
    Map<String, String> reasons = new LinkedHashMap<>();
    List<String[]> own;
    List<Hierarchy> hierarchies;
    try {
      own = own(process);
      hierarchies = Hierarchy.read(process.resolve("mountinfo"));
    } catch (IOException e) {
      CONTROLLERS.forEach(controller -> reasons.put(controller, "/proc cannot be read: " + e));
      return new Cgroups(places, reasons);
    }
    for (String controller : CONTROLLERS) {
      try {
        places.put(controller, place(controller, own, hierarchies, writable));
      } catch (NoPlaceException e) {
        reasons.put(controller, String.valueOf(e.getMessage()));
      }
    }
    return new Cgroups(places, reasons);
  }

  private static Place place(
      String controller, List<String[]> own, List<Hierarchy> all, Predicate<Path> writable)
      throws NoPlaceException {
    for (Hierarchy hierarchy : all) {
      if (hierarchy.controllers().contains(controller)) {
        Path group = hierarchy.locate(pathOf(own, controller));
        if (!writable.test(group)) {
          throw new NoPlaceException(group + " is not writable");
        }
        return new Place(group, 1);
      }
    }
    for (Hierarchy hierarchy : all) {
      if (hierarchy.controllers().isEmpty()) {
        return new Place(above(controller, hierarchy, pathOf(own, ""), writable), 2);
      }
    }
    throw new NoPlaceException("no control groups are mounted");
  }

  private static Path above(
      String controller, Hierarchy hierarchy, String own, Predicate<Path> writable)
      throws NoPlaceException {
    Path group = hierarchy.locate(own);
    @Nullable Path candidate = group.equals(hierarchy.mountPoint()) ? group : group.getParent();
    while (candidate != null && candidate.startsWith(hierarchy.mountPoint())) {
      // To move a process one must be able to write to the group above both places.
      if (!writable.test(candidate) || !writable.test(candidate.resolve("cgroup.procs"))) {
        throw new NoPlaceException(candidate + " is not writable");
      }
      if (handedDown(candidate).contains(controller)) {
        return candidate;
      }
      candidate = candidate.getParent();
    }
    throw new NoPlaceException("no group above " + group + " hands down " + controller);
  }

  private static Set<String> handedDown(Path group) {
    try {
      return Set.copyOf(
          Arrays.asList(
              Files.readString(group.resolve("cgroup.subtree_control")).strip().split(" ", -1)));
    } catch (IOException | IllegalArgumentException e) {
      return Set.of();
    }
  }

  /** This process's path in the hierarchy of that controller; of version 2's for "". */
  private static String pathOf(List<String[]> own, String controller) throws NoPlaceException {
    return own.stream()
        .filter(parts -> Arrays.asList(parts[1].split(",", -1)).contains(controller))
        .map(parts -> parts[2])
        .findFirst()
        .orElseThrow(() -> new NoPlaceException("this process is in no such group"));
  }

  private static final class NoPlaceException extends Exception {
    private static final long serialVersionUID = 1L;

    NoPlaceException(String message) {
      super(message);
    }
  }

  /**
   * One that is mounted.
   *
   * @param root which of its groups is at the mount point
   * @param controllers of version 1; empty for version 2
   */
  private record Hierarchy(Path mountPoint, String root, Set<String> controllers) {
    static List<Hierarchy> read(Path mountInfo) throws IOException {
      List<Hierarchy> found = new ArrayList<>();
      for (String line : Files.readAllLines(mountInfo)) {
        String[] halves = line.split(" - ", 2);
        String[] mount = halves[0].split(" ", -1);
        String[] type = halves.length == 2 ? halves[1].split(" ", -1) : new String[0];
        if (mount.length < 5 || type.length < 3) {
          continue;
        }
        if (type[0].equals("cgroup2")) {
          found.add(new Hierarchy(Path.of(mount[4]), mount[3], Set.of()));
        } else if (type[0].equals("cgroup")) {
          found.add(
              new Hierarchy(
                  Path.of(mount[4]),
                  mount[3],
                  new LinkedHashSet<>(Arrays.asList(type[2].split(",", -1)))));
        }
      }
      return found;
    }

    /** Where the group with that path is. */
    Path locate(String path) throws NoPlaceException {
      String below =
          root.equals("/")
              ? path
              : path.equals(root) || path.startsWith(root + "/")
                  ? path.substring(root.length())
                  : null;
      if (below == null || below.contains("..")) {
        throw new NoPlaceException("this process's group is not mounted here");
      }
      Path group = mountPoint.resolve(below.replaceFirst("^/+", "")).normalize();
      if (!Files.isDirectory(group)) {
        throw new NoPlaceException(group + " is not there");
      }
      return group;
    }
  }
}
