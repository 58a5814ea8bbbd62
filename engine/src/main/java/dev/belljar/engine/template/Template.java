package dev.belljar.engine.template;

import dev.belljar.engine.vmm.MachineFiles;
import dev.belljar.engine.vmm.MachineShape;
import java.nio.file.Path;

/**
 * A frozen machine: memory, disk and device state.
 *
 * @param directory holds them, complete and never changed
 * @param shape what machines restored from it are like
 */
public record Template(Path directory, MachineShape shape) {

  /** The disk to copy for a restored machine: a qcow2 whose backing file is the template's disk. */
  public Path emptyDisk() {
    return directory.resolve("empty.qcow2");
  }

  /** The device state. */
  public Path state() {
    return directory.resolve(MachineFiles.STATE);
  }
}
