package dev.belljar.engine.vmm;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What confines one machine's process, as it was found when the machine started.
 *
 * @param user whom the process runs as
 * @param group its control group, where there is one
 * @param missing what its jail lacks, accepted by whoever started it
 */
record Confinement(JailUser user, Optional<MachineCgroup> group, List<String> missing) {
  private static final Logger LOG = LoggerFactory.getLogger(Confinement.class);

  /**
   * Puts QEMU in its control group and looks at its jail. QEMU must have connected: by then it has
   * its filter of system calls.
   *
   * @param jailer the process that was started
   */
  static Confinement impose(Jail jail, long jailer, MachineShape shape, MachineFiles files)
      throws IOException {
    long began = System.nanoTime();
    long pid = QemuProcess.below(jailer);
    List<String> missing = jail.check(pid, files, shape.accelerator());
    long checked = System.nanoTime();
    Optional<MachineCgroup> group = jail.group(files, shape);
    @Nullable IOException failure = group.isPresent() ? added(group.get(), pid) : null;
    LOG.debug(
        "Jail checked in {} µs, control group in {} µs",
        (checked - began) / 1000,
        (System.nanoTime() - checked) / 1000);
    if (failure != null) {
      group.get().remove();
      LOG.warn("A machine runs without a control group of its own: {}", failure.toString());
      group = Optional.empty();
    }
    return new Confinement(files.user(), group, missing);
  }

  private static @Nullable IOException added(MachineCgroup group, long pid) {
    try {
      group.add(pid);
      return null;
    } catch (IOException e) {
      return e;
    }
  }

  /** In a few words, for {@code Isolation}. */
  String describe() {
    return "bubblewrap, uid "
        + user.id()
        + ", no capabilities, own namespaces, no network, seccomp"
        + group.map(limits -> ", limited by cgroup: " + limits.controllers()).orElse("")
        + (missing.isEmpty() ? "" : "; INSECURE, it lacks: " + String.join("; ", missing));
  }

  /** Removes what outlives the process. */
  void lift() {
    group.ifPresent(MachineCgroup::remove);
  }
}
