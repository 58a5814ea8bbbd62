package dev.belljar.engine.vmm;

import java.nio.file.Path;
import java.util.List;

/**
 * A disk that a restored machine has in one of its slots.
 *
 * @param slot 0 to {@link #SLOTS} - 1
 * @param layers its files, the one that is written to first, each above the next
 * @param bytes its size as the guest sees it
 */
public record MachineDisk(int slot, List<Layer> layers, long bytes) {
  /** How many disks a machine can get, beyond its own. */
  public static final int SLOTS = 10;

  /** How many layers all disks of a machine may have together, beyond its own disk. */
  public static final int MOST_LAYERS = 256;

  /**
   * A file of a disk.
   *
   * @param directory where it is on this host; the machine sees all of it
   * @param name its name there
   * @param writable whether the machine may write to what is in the directory
   * @param format how it is written
   */
  public record Layer(Path directory, String name, boolean writable, Format format) {
    /** A qcow2 file. */
    public Layer(Path directory, String name, boolean writable) {
      this(directory, name, writable, Format.QCOW2);
    }
  }

  /** How a file of a disk is written. */
  public enum Format {
    /** QEMU's own, which holds what differs from the layer below. */
    QCOW2("qcow2"),
    /** Byte for byte; only the lowest layer can be. */
    RAW("raw");

    private final String driver;

    Format(String driver) {
      this.driver = driver;
    }

    String driver() {
      return driver;
    }
  }

  /** Copies what changes. */
  public MachineDisk {
    layers = List.copyOf(layers);
  }

  /** The node that the guest reads and writes, in QEMU. */
  public String node() {
    return node(slot);
  }

  static String node(int slot) {
    return "slot" + slot;
  }
}
