package dev.belljar.engine.vmm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Finds QEMU below the process that was started: bubblewrap, which forks twice. */
final class QemuProcess {
  private static final int DEEPEST = 8;

  private QemuProcess() {}

  /**
   * The last of the line of only children that begins with this process. QEMU may not fork, so once
   * it runs there is one.
   *
   * @throws IOException where there is no such line, or it is hidden from us
   */
  static long below(long ancestor) throws IOException {
    long pid = ancestor;
    for (int depth = 0; depth < DEEPEST; depth++) {
      List<Long> children = children(pid);
      if (children.isEmpty() && depth > 0) {
        return pid;
      }
      if (children.size() != 1) {
        break;
      }
      pid = children.getFirst();
    }
    throw new IOException(
        "QEMU's process is not to be found below bubblewrap's ("
            + ancestor
            + "). If /proc is mounted with hidepid, Belljar's user must be in the group that may see"
            + " all processes.");
  }

  private static List<Long> children(long pid) throws IOException {
    Path file = Path.of("/proc/" + pid + "/task/" + pid + "/children");
    try {
      return Stream.of(Files.readString(file).split(" ", -1))
          .map(String::strip)
          .filter(word -> !word.isEmpty())
          .map(Long::valueOf)
          .toList();
    } catch (NoSuchFileException e) {
      // A kernel without CONFIG_PROC_CHILDREN: slower, by looking at all processes.
      return ProcessHandle.of(pid).stream()
          .flatMap(ProcessHandle::children)
          .map(ProcessHandle::pid)
          .toList();
    }
  }
}
