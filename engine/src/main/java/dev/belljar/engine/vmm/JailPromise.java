package dev.belljar.engine.vmm;

import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

/**
 * How the process of a machine must be confined.
 *
 * @param user whom it runs as, seen from outside
 * @param groups the supplementary groups that it may have; ignored for one that runs as its user,
 *     who cannot give them up
 * @param program the file on this host that it executes
 * @param mounts what there is in its file system, and nothing else: by mount point, the directory
 *     or file of this host that is there
 * @param writable those of the mount points that it may write to
 * @param limits resource limits, soft and hard, by their names in {@code /proc/PID/limits}
 */
record JailPromise(
    JailUser user,
    Set<Integer> groups,
    Path program,
    Map<String, Path> mounts,
    Set<String> writable,
    Map<String, Long> limits) {

  JailPromise {
    groups = Set.copyOf(groups);
    mounts = Map.copyOf(mounts);
    writable = Set.copyOf(writable);
    limits = Map.copyOf(limits);
  }
}
