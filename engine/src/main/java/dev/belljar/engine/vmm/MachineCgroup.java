package dev.belljar.engine.vmm;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The control groups of one machine, one in each hierarchy. Whoever makes it removes it. */
final class MachineCgroup {
  private static final int REMOVAL_MILLIS = 5000;

  /** Of both versions of control groups, with what the kernel gives a new group. */
  private static final List<Share> SHARES =
      List.of(new Share("cpu.weight", 100), new Share("cpu.shares", 1024));

  private record Share(String file, int usual) {}

  private final List<Path> groups;
  private final String controllers;

  private MachineCgroup(List<Path> groups, String controllers) {
    this.groups = groups;
    this.controllers = controllers;
  }

  /** A limit: a file of the group and what is written there. */
  record Setting(String file, String value) {}

  /** Makes the groups and sets their limits; leaves none of them on failure. */
  static MachineCgroup make(Map<Path, List<Setting>> groups, String controllers)
      throws IOException {
    List<Path> made = new ArrayList<>();
    try {
      for (Map.Entry<Path, List<Setting>> group : groups.entrySet()) {
        Files.createDirectory(group.getKey());
        made.add(group.getKey());
        for (Setting setting : group.getValue()) {
          write(group.getKey().resolve(setting.file()), setting.value());
        }
      }
    } catch (IOException e) {
      for (Path group : made) {
        Files.deleteIfExists(group);
      }
      throw e;
    }
    return new MachineCgroup(made, controllers);
  }

  /** What is limited, for example {@code memory, cpu, pids}. */
  String controllers() {
    return controllers;
  }

  /**
   * Moves a process into them, with all its threads. Takes some milliseconds: the kernel waits
   * until no processor is in the middle of a fork.
   */
  void add(long pid) throws IOException {
    for (Path group : groups) {
      write(group.resolve("cgroup.procs"), Long.toString(pid));
    }
  }

  /**
   * How much processor time it gets where others want it too: as much as any other machine, or a
   * tenth of that.
   */
  void share(boolean full) throws IOException {
    for (Path group : groups) {
      for (Share share : SHARES) {
        Path file = group.resolve(share.file);
        if (Files.exists(file)) {
          write(file, Integer.toString(full ? share.usual : share.usual / 10));
        }
      }
    }
  }

  /**
   * Removes them. A killed process may still be on its way out, which nobody waits for: they are
   * tried again for some seconds by a thread, and after that by the next start.
   */
  void remove() {
    if (!removed()) {
      Thread.ofVirtual()
          .name("cgroup-removal")
          .start(
              () -> {
                long deadline = System.nanoTime() + REMOVAL_MILLIS * 1_000_000L;
                while (!removed() && System.nanoTime() < deadline) {
                  try {
                    Thread.sleep(20);
                  } catch (InterruptedException e) {
                    return;
                  }
                }
              });
    }
  }

  private boolean removed() {
    boolean all = true;
    for (Path group : groups) {
      try {
        Files.deleteIfExists(group);
      } catch (IOException e) {
        all = false; // Busy: there is a process in it.
      }
    }
    return all;
  }

  private static void write(Path file, String value) throws IOException {
    Files.write(file, value.getBytes(StandardCharsets.US_ASCII), StandardOpenOption.WRITE);
  }
}
