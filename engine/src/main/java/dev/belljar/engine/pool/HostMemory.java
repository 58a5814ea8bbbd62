package dev.belljar.engine.pool;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** How much memory this host, or the control group that Belljar runs in, has left. */
public final class HostMemory {
  /** Of all memory, what is left to everybody else. */
  private static final int SHARE = 16;

  private static final long LEAST = 256L << 20;

  /** What a machine takes that has done little, and more. */
  private static final long MACHINE = 128L << 20;

  /** The kernel tells memory in KiB. */
  private static final int KIBI = 10;

  private final Path information;
  private final List<Group> groups;

  /**
   * A control group with a limit.
   *
   * @param limit the file that tells it
   * @param usage the file that tells what is used
   * @param statistics the file that tells how much of that are files which can be dropped
   * @param droppable how that is called there
   */
  record Group(Path limit, Path usage, Path statistics, String droppable) {}

  HostMemory(Path information, List<Group> groups) {
    this.information = information;
    this.groups = groups;
  }

  /** As this process sees it: control groups where they are usually mounted. */
  public static HostMemory ofThisHost() {
    return new HostMemory(
        Path.of("/proc/meminfo"),
        List.of(
            group("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file "),
            group(
                "/sys/fs/cgroup/memory",
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
                "total_inactive_file ")));
  }

  private static Group group(String place, String limit, String usage, String droppable) {
    Path directory = Path.of(place);
    return new Group(
        directory.resolve(limit),
        directory.resolve(usage),
        directory.resolve("memory.stat"),
        droppable);
  }

  /** Whether one machine more leaves enough; takes some ten microseconds. */
  public boolean forOneMore() {
    return available() - MACHINE >= reserve();
  }

  /** Whether it leaves as much again, so that what then waits need not be given up soon. */
  public boolean forOneToWait() {
    return available() - 2 * MACHINE >= reserve();
  }

  /** Bytes; as much as can be told where nothing can. */
  public long available() {
    long available = field(information, "MemAvailable:", Long.MAX_VALUE >> KIBI) << KIBI;
    for (Group group : groups) {
      long limit = number(group.limit);
      long usage = number(group.usage);
      if (limit >= 0 && usage >= 0) {
        long left = limit - usage + field(group.statistics, group.droppable, 0);
        available = Math.clamp(left, 0, available);
      }
    }
    return available;
  }

  /** Bytes that are not for machines. */
  public long reserve() {
    return Math.max(LEAST, (field(information, "MemTotal:", 0) << KIBI) / SHARE);
  }

  private static long field(Path file, String name, long otherwise) {
    try {
      return Files.readAllLines(file).stream()
          .filter(line -> line.startsWith(name))
          .mapToLong(line -> Long.parseLong(line.substring(name.length()).replaceAll("\\D", "")))
          .findFirst()
          .orElse(otherwise);
    } catch (IOException | NumberFormatException e) {
      return otherwise;
    }
  }

  /** -1 where there is none, or no limit. */
  private static long number(Path file) {
    try {
      return Long.parseLong(Files.readString(file).strip());
    } catch (IOException | NumberFormatException e) {
      return -1;
    }
  }
}
