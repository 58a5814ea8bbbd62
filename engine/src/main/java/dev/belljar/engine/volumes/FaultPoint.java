package dev.belljar.engine.volumes;

import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The instants between which a crash makes a difference. A test ends the process at one of them;
 * nothing happens otherwise.
 */
enum FaultPoint {
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
  /** A volume's head is in the catalog as new; a machine still writes to the old one. */
  HEAD_COMMITTED,
  /** A machine writes to the new head; its file system is still frozen. */
  HEAD_SWITCHED,
  /** A head has a second name, in a directory of its own. */
  HEAD_LINKED,
  /** That name is in the catalog; the first one is left. */
  HEAD_MOVED,
  /** A checkpoint is in the catalog, not complete; the machine writes to the old heads. */
  CHECKPOINT_COMMITTED,
  /** The machine writes to new heads; its memory is not forced to the disk yet. */
  CHECKPOINT_SWITCHED,
  /** A checkpoint is complete. */
  CHECKPOINT_COMPLETE,
  /** The file of a layer that others were merged into is there; nothing refers to it. */
  MERGED,
  /** That layer is in the catalog; the files of those that it replaces are left. */
  MERGE_COMMITTED,
  /** One of several files to be removed is removed. */
  FILE_REMOVED;

  /** The system property that names the point to end at, and the how manieth time: NAME:1. */
  static final String PROPERTY = "belljar.storage.fault";

  private static final int KILLED = 137;
  private static final @Nullable String CHOSEN = System.getProperty(PROPERTY);
  private static final AtomicInteger TIMES = new AtomicInteger();

  /** Ends the process where a test wants that, as kill -9 does. */
  void reached() {
    if (CHOSEN != null
        && CHOSEN.startsWith(name() + ":")
        && CHOSEN.endsWith(":" + TIMES.incrementAndGet())) {
      Runtime.getRuntime().halt(KILLED);
    }
  }
}
