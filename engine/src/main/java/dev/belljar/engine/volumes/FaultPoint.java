package dev.belljar.engine.volumes;

import java.util.function.Consumer;

/**
 * The instants between which it makes a difference that a process ends: this one, or QEMU. Tests
 * end one of them there; nothing happens otherwise.
 */
public enum FaultPoint {
  /** A new catalog is written beside the old one. */
  CATALOG_WRITTEN,
  /** The file of a new layer is there; nothing refers to it. */
  LAYER_MADE,
  /** It is noted who has a disk; no machine has it yet. */
  LEASED,
  /** What somebody has opened was looked at; nothing is changed yet. */
  LOOKED_AT,
  /** An image to be kept has a second name, or is copied, beside a layer. */
  IMAGE_MADE,
  /** It is where it is kept; nothing refers to it. */
  IMAGE_KEPT,
  /** A machine runs that is to have disks; its guest has none of them mounted. */
  MACHINE_RUNS,
  /** A guest has mounted a disk, and perhaps not all of them. */
  DISK_MOUNTED,
  /** A guest's file system is frozen for a snapshot; the catalog is as before. */
  GUEST_FROZEN,
  /** A volume's head is in the catalog as new; a machine still writes to the old one. */
  HEAD_COMMITTED,
  /** A machine writes to the new head; its file system is still frozen. */
  HEAD_SWITCHED,
  /** A snapshot is made and its guest goes on. */
  GUEST_THAWED,
  /** A head has a second name, in a directory of its own. */
  HEAD_LINKED,
  /** That name is in the catalog; the first one is left. */
  HEAD_MOVED,
  /** A machine stands still for a checkpoint; nothing of it is saved. */
  MACHINE_PAUSED,
  /** Its devices and its memory are saved; the catalog is as before. */
  MACHINE_SAVED,
  /** A checkpoint is in the catalog, not complete; the machine writes to the old heads. */
  CHECKPOINT_COMMITTED,
  /** The machine writes to new heads; its memory is not forced to the disk yet. */
  CHECKPOINT_SWITCHED,
  /** The machine goes on, and the checkpoint is still not complete. */
  MACHINE_RESUMED,
  /** A checkpoint is complete. */
  CHECKPOINT_COMPLETE,
  /** The file of a layer that others were merged into is there; nothing refers to it. */
  MERGED,
  /** That layer is in the catalog; the files of those that it replaces are left. */
  MERGE_COMMITTED,
  /** One of several files to be removed is removed. */
  FILE_REMOVED;

  private static volatile Consumer<FaultPoint> fault = point -> {};

  /** Says that this instant is now. */
  public void reached() {
    fault.accept(this);
  }

  /** Has tests do something at each of them from now on, on the thread that comes by. */
  static void at(Consumer<FaultPoint> fault) {
    FaultPoint.fault = fault;
  }
}
