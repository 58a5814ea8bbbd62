package dev.belljar.engine.pool;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** How much memory this host, or a control group that Belljar runs in, has left. */
public final class HostMemory {
  /** Of all memory, what is left to everybody else: a sixteenth. */
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
  private record Group(Path limit, Path usage, Path statistics, String droppable) {}

  private HostMemory(Path information, List<Group> groups) {
    this.information = information;
    this.groups = groups;
  }

  /**
   * As this process sees it.
   *
   * @param groups directories of the control groups that bound its memory: its own and those above
   */
  public static HostMemory ofThisHost(List<Path> groups) {
    return of(Path.of("/proc/meminfo"), groups);
  }

  static HostMemory of(Path information, List<Path> groups) {
    return new HostMemory(information, groups.stream().map(HostMemory::group).toList());
  }

  /** Groups of the first version have other files. */
  private static Group group(Path directory) {
    return Files.exists(directory.resolve("memory.limit_in_bytes"))
        ? group(directory, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ")
        : group(directory, "memory.max", "memory.current", "inactive_file ");
  }

  private static Group group(Path directory, String limit, String usage, String droppable) {
    return new Group(
        directory.resolve(limit),
        directory.resolve(usage),
        directory.resolve("memory.stat"),
        droppable);
  }

  /** Whether one machine more leaves enough; reads some small files of the kernel's. */
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
      long usage = limit >= 0 ? number(group.usage) : -1;
      if (usage >= 0) {
        long left = limit - usage + field(group.statistics, group.droppable, 0);
        available = Math.clamp(left, 0, available);
      }
    }
    return available;
  }

  /** Bytes that are not for machines: of the host's, or of the smallest limit. */
  public long reserve() {
    long all = field(information, "MemTotal:", 0) << KIBI;
    for (Group group : groups) {
      long limit = number(group.limit);
      all = limit >= 0 ? Math.min(limit, all) : all;
    }
    return Math.max(LEAST, all / SHARE);
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
