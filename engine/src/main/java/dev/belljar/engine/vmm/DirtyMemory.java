package dev.belljar.engine.vmm;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * The pages of a guest's memory that differ from the file that it was restored from. The file is
 * mapped privately, so the kernel has made a page of the process's own of each that was written to
 * (Documentation/admin-guide/mm/pagemap.rst of Linux); only these are read.
 *
 * @param pid QEMU's process, whose guest is paused
 * @param bytes the size of the guest's memory
 */
record DirtyMemory(long pid, long bytes) {
  private static final int PAGE = 4096;
  private static final int ENTRY = 8;
  private static final int ENTRIES_AT_ONCE = 64 << 10;
  private static final int COPIED_AT_ONCE = 4 << 20;

  /** Bits of an entry: in memory, or swapped out; of a file, or shared. */
  private static final long PRESENT = 1L << 63;

  private static final long SWAPPED = 1L << 62;
  private static final long OF_A_FILE = 1L << 61;

  /** A part of the process's addresses that part of the file is mapped at. */
  private record Mapping(long start, long end, long offset) {}

  /**
   * Writes those pages to where they belong in a copy of that file.
   *
   * @return how many bytes were written
   * @throws IOException where the kernel does not let them be read, or they are not to be found
   */
  long writeTo(Path file) throws IOException {
    Path process = Path.of("/proc", Long.toString(pid));
    long written = 0;
    try (FileChannel target = FileChannel.open(file, StandardOpenOption.WRITE);
        FileChannel map = FileChannel.open(process.resolve("pagemap"), StandardOpenOption.READ);
        FileChannel memory = FileChannel.open(process.resolve("mem"), StandardOpenOption.READ)) {
      ByteBuffer buffer = ByteBuffer.allocateDirect(COPIED_AT_ONCE);
      for (Mapping mapping : mappings(process)) {
        written += copy(mapping, map, memory, target, buffer);
      }
    }
    return written;
  }

  /** All of the file must be mapped, once: anything else is not the QEMU that was started. */
  private List<Mapping> mappings(Path process) throws IOException {
    List<Mapping> found = new ArrayList<>();
    long covered = 0;
    for (String line : Files.readAllLines(process.resolve("maps"))) {
      if (!line.endsWith("/" + MachineFiles.MEMORY)) {
        continue;
      }
      String[] words = line.split(" +", 6);
      String[] range = words[0].split("-", 2);
      Mapping mapping =
          new Mapping(
              Long.parseLong(range[0], 16),
              Long.parseLong(range[1], 16),
              Long.parseLong(words[2], 16));
      if (mapping.offset != covered) {
        break;
      }
      covered += mapping.end - mapping.start;
      found.add(mapping);
    }
    if (covered != bytes) {
      throw new MachineException(
          "The guest's memory is not to be found in QEMU (%d of %d bytes are)."
              .formatted(covered, bytes));
    }
    return found;
  }

  private static long copy(
      Mapping mapping, FileChannel map, FileChannel memory, FileChannel target, ByteBuffer buffer)
      throws IOException {
    long pages = (mapping.end - mapping.start) / PAGE;
    ByteBuffer entries =
        ByteBuffer.allocateDirect(ENTRIES_AT_ONCE * ENTRY).order(ByteOrder.LITTLE_ENDIAN);
    long written = 0;
    for (long first = 0; first < pages; first += ENTRIES_AT_ONCE) {
      int count = (int) Math.min(ENTRIES_AT_ONCE, pages - first);
      fill(map, entries.clear().limit(count * ENTRY), (mapping.start / PAGE + first) * ENTRY);
      int from = 0;
      while (from < count) {
        boolean dirty = isOwn(entries.getLong(from * ENTRY));
        int to = from + 1;
        while (to < count
            && isOwn(entries.getLong(to * ENTRY)) == dirty
            && (to - from) * PAGE < COPIED_AT_ONCE) {
          to++;
        }
        if (dirty) {
          long at = (first + from) * PAGE;
          fill(memory, buffer.clear().limit((to - from) * PAGE), mapping.start + at);
          write(target, buffer.flip(), mapping.offset + at);
          written += (long) (to - from) * PAGE;
        }
        from = to;
      }
    }
    return written;
  }

  private static boolean isOwn(long entry) {
    return (entry & (PRESENT | SWAPPED)) != 0 && (entry & OF_A_FILE) == 0;
  }

  private static void fill(FileChannel source, ByteBuffer buffer, long position)
      throws IOException {
    long at = position;
    while (buffer.hasRemaining()) {
      int count = source.read(buffer, at);
      if (count <= 0) {
        throw new MachineException("QEMU's memory cannot be read at " + at + ".");
      }
      at += count;
    }
  }

  private static void write(FileChannel target, ByteBuffer buffer, long position)
      throws IOException {
    long at = position;
    while (buffer.hasRemaining()) {
      at += target.write(buffer, at);
    }
  }
}
