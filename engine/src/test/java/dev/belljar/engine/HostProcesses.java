package dev.belljar.engine;

import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What this host's kernel says of the processes behind sandboxes. */
final class HostProcesses {
  /** The run directory where a machine has it mounted: of the process, and of the machine in it. */
  private static final Pattern RUN = Pattern.compile("/run/([0-9a-f]{8})/[0-9a-f]{8} /machine ");

  private HostProcesses() {}

  /** The QEMU processes among what a process has started. */
  static List<ProcessHandle> qemus(ProcessHandle ancestor) {
    return ancestor.descendants().filter(process -> isQemu(process.pid())).toList();
  }

  /**
   * The QEMU processes of this one, when there are as many as it has sandboxes: the kernel takes a
   * moment to end those of a sandbox that was closed.
   */
  static List<ProcessHandle> ownQemus(int sandboxes) {
    return await().until(() -> qemus(ProcessHandle.current()), found -> found.size() == sandboxes);
  }

  /** Everything that a process has started and that is of Belljar's making. */
  static List<ProcessHandle> machinery(ProcessHandle ancestor) {
    return ancestor
        .descendants()
        .filter(process -> commandLine(process.pid()).contains("qemu-system"))
        .toList();
  }

  /** The names of the run directories of the JVMs whose machines those are. */
  static Set<String> runDirectories(ProcessHandle ancestor) {
    Set<String> names = new TreeSet<>();
    for (ProcessHandle process : machinery(ancestor)) {
      Matcher matcher = RUN.matcher(text(process.pid(), "mountinfo"));
      while (matcher.find()) {
        names.add(matcher.group(1));
      }
    }
    return names;
  }

  /** How many layers a QEMU has, of all its disks. */
  static long layerDirectories(ProcessHandle qemu) {
    return text(qemu.pid(), "mountinfo").lines().filter(line -> line.contains(" /layers/")).count();
  }

  /** Words of a command line, separated by spaces; empty for a process that is gone. */
  static String commandLine(long pid) {
    return text(pid, "cmdline").replace('\0', ' ');
  }

  /** What a process was started with, a variable on each line; empty for one that is gone. */
  static String environment(long pid) {
    return text(pid, "environ").replace('\0', '\n');
  }

  private static String text(long pid, String file) {
    try {
      return Files.readString(Path.of("/proc/" + pid + "/" + file), StandardCharsets.UTF_8);
    } catch (IOException e) {
      return "";
    }
  }

  private static boolean isQemu(long pid) {
    return commandLine(pid).startsWith("/usr/bin/qemu-system");
  }
}
