package dev.belljar.engine.vmm;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The files that a machine is given. Everything but the run directory is read-only for it, unless
 * {@code freezing}.
 *
 * @param image kernel, initial file system, root file system and blank disk
 * @param template the directory with the memory and the disk of a template; where freezing, the one
 *     being filled
 * @param state the device state to restore; empty to boot
 * @param tscKilohertz the frequency of this host's time stamp counter, which an emulated guest
 *     cannot find out for itself; 0 where it does not boot
 * @param run the machine's own directory: its sockets and its disk, named {@link #DISK}
 * @param user whom QEMU runs as; what it writes to must be that user's already
 * @param disks those it has beyond its own; a machine that is to be frozen has none
 */
public record MachineFiles(
    Path image,
    Path template,
    Optional<Path> state,
    long tscKilohertz,
    Path run,
    JailUser user,
    List<MachineDisk> disks) {
  /**
   * The disk's name in the run directory (of a restored machine) or the template's (of one that is
   * to be frozen).
   */
  public static final String DISK = "disk.qcow2";

  /** The memory's name in the template's directory. */
  public static final String MEMORY = "memory";

  /** The device state's name in the template's directory. */
  public static final String STATE = "state";

  /** Copies what changes. */
  public MachineFiles {
    disks = List.copyOf(disks);
  }

  /** The layers of all disks, in the order in which the jail has them. */
  List<MachineDisk.Layer> layers() {
    return disks.stream().flatMap(disk -> disk.layers().stream()).toList();
  }

  /** The channel's socket in the run directory. */
  static final String CHANNEL_SOCKET = "channel";

  /** The monitor's socket in the run directory. */
  static final String MONITOR_SOCKET = "qmp";
}
