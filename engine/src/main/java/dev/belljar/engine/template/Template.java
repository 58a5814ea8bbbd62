package dev.belljar.engine.template;

import dev.belljar.engine.vmm.MachineFiles;
import dev.belljar.engine.vmm.MachineShape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;

/**
 * A machine as it was at one instant: memory, disk and device state.
 *
 * @param directory holds them, complete and never changed
 * @param disks the disk of a machine restored from it lies above these files there, the uppermost
 *     first
 * @param shape what machines restored from it are like
 */
public record Template(Path directory, List<String> disks, MachineShape shape) {
  /** Copies what changes. */
  public Template {
    disks = List.copyOf(disks);
  }

  /** The name of {@link #emptyDisk}. */
  public static final String EMPTY_DISK = "empty.qcow2";

  /** The disk to copy for a restored machine: a qcow2 that holds nothing. */
  public Path emptyDisk() {
    return directory.resolve(EMPTY_DISK);
  }

  /**
   * Tells it from one that was made in its place meanwhile. A machine goes on with the files that
   * it was restored from, also when they are gone.
   */
  public String edition() throws IOException {
    BasicFileAttributes memory =
        Files.readAttributes(directory.resolve(MachineFiles.MEMORY), BasicFileAttributes.class);
    return memory.fileKey() + " " + memory.lastModifiedTime();
  }

  /** The device state. */
  public Path state() {
    return directory.resolve(MachineFiles.STATE);
  }
}
