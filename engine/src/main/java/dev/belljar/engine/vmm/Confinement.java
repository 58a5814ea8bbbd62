package dev.belljar.engine.vmm;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What confines one machine's process, as it was found when the machine started.
 *
 * @param pid QEMU's process
 * @param user whom the process runs as
 * @param group its control group, where there is one
 * @param missing what its jail lacks, accepted by whoever started it
 */
record Confinement(long pid, JailUser user, Optional<MachineCgroup> group, List<String> missing) {
  private static final Logger LOG = LoggerFactory.getLogger(Confinement.class);
  private static final int ENDING_MILLIS = 300;

  /**
   * Puts QEMU in its control group and looks at its jail. QEMU must have connected: by then it has
   * its filter of system calls.
   *
   * @param jailer the process that was started
   */
  static Confinement impose(Jail jail, Process jailer, MachineShape shape, MachineFiles files)
      throws IOException {
    long began = System.nanoTime();
    long pid = QemuProcess.below(jailer.pid());
    List<String> missing = jail.missing(pid, files, shape.accelerator());
    if (!missing.isEmpty()) {
      if (ends(jailer)) {
        throw new IOException("QEMU ended while its jail was looked at.");
      }
      jail.accept(missing);
    }
    long checked = System.nanoTime();
    Optional<MachineCgroup> group = jail.group(files, shape);
    @Nullable IOException failure = group.isPresent() ? added(group.get(), pid) : null;
    LOG.debug(
        "Jail checked in {} µs, control group in {} µs",
        (checked - began) / 1000,
        (System.nanoTime() - checked) / 1000);
    if (failure != null) {
      group.get().remove();
      if (ends(jailer)) {
        throw new IOException("QEMU ended while it was put in its control group.");
      }
      LOG.warn("A machine runs without a control group of its own: {}", failure.toString());
      group = Optional.empty();
    }
    return new Confinement(pid, files.user(), group, missing);
  }

  /** Of a process that is gone nothing can be seen, which is not the jail's fault. */
  private static boolean ends(Process jailer) throws IOException {
    try {
      return jailer.waitFor(ENDING_MILLIS, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("Interrupted while starting a machine.");
    }
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

  /** Whether it takes as much of the processors as other machines, or steps back behind them. */
  void share(boolean full) {
    if (group.isPresent()) {
      try {
        group.get().share(full);
      } catch (IOException e) {
        LOG.warn("A machine's share of the processors cannot be set: {}", e.toString());
      }
    }
  }

  /** Removes what outlives the process. */
  void lift() {
    group.ifPresent(MachineCgroup::remove);
  }
}
