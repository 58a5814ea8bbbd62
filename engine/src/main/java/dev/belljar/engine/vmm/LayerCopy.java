package dev.belljar.engine.vmm;

import dev.belljar.engine.storage.FileTree;
import dev.belljar.engine.storage.LeftProcesses;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Copies layers of a disk into one, by a QEMU that runs no machine and is jailed like one that
 * does: whoever had those layers may have written anything to them. It yields to everything else on
 * this host, and ends with this process.
 */
public final class LayerCopy {
  private static final Duration CONNECT_LIMIT = Duration.ofSeconds(20);
  private static final int MONITOR_MILLIS = 10_000;
  private static final long POLL_MILLIS = 20;

  /** For the control group: QEMU's own memory is added, and this one is its tables of clusters. */
  private static final MachineShape SHAPE = new MachineShape(Accelerator.TCG, 256, 1);

  private LayerCopy() {}

  /**
   * Blocks until the first layer of a disk, which is empty, holds all that differs from what lies
   * below the copied ones.
   *
   * @param run new; removed in any case
   * @param disk in slot 0; only its first layer is written to, and belongs to a machine's user then
   * @param kept how many of the lowest layers are not copied
   * @param limit how long it may take in all
   * @throws InterruptedIOException where the thread was interrupted
   * @throws IOException where it could not be done; what the first layer holds is worth nothing
   */
  public static void run(Jail jail, Path run, MachineDisk disk, int kept, Duration limit)
      throws IOException {
    @Nullable Process process = null;
    @Nullable Confinement confinement = null;
    JailUser user = jail.nextUser();
    // The places of an image and a template are there in every jail.
    Path nothing = Files.createDirectory(run.resolve("nothing"));
    MachineFiles files =
        new MachineFiles(
            nothing, nothing, Optional.of(nothing), 0, run, user, List.of(), List.of(disk));
    try (MachineLog log = MachineLog.create(run);
        ServerSocketChannel listener =
            Machine.listen(user, run.resolve(MachineFiles.MONITOR_SOCKET))) {
      MachineDisk.Layer first = disk.layers().getFirst();
      user.take(first.directory().resolve(first.name()));
      user.take(run);
      process = launch(jail, files, disk, log);
      Thread limiter = Machine.closeWhenDeadOrLate(process, CONNECT_LIMIT, listener);
      try (SocketChannel socket = Machine.accept(listener, process, log, CONNECT_LIMIT);
          Qmp monitor = new Qmp(socket)) {
        limiter.interrupt();
        monitor.send(Machine.CAPABILITIES);
        confinement = Confinement.impose(jail, process, SHAPE, files);
        copy(monitor, files.chain(disk), kept, limit);
        monitor.send("{\"execute\":\"quit\"}");
        awaitEnd(process, log);
      }
    } finally {
      if (process != null) {
        List<ProcessHandle> children = process.descendants().toList();
        Machine.end(process);
        children.forEach(ProcessHandle::destroyForcibly);
      }
      if (confinement != null) {
        confinement.lift();
      }
      Files.deleteIfExists(jail.mountTable(files));
      FileTree.delete(run);
    }
  }

  private static Process launch(Jail jail, MachineFiles files, MachineDisk disk, MachineLog log)
      throws IOException {
    List<String> command = new ArrayList<>(List.of("nice", "-n", "19", "ionice", "-t", "-c", "3"));
    command.addAll(
        jail.command(files, Accelerator.TCG, QemuCommand.withoutMachine(files.chain(disk))));
    ProcessBuilder builder = new ProcessBuilder(command);
    LeftProcesses.mark(builder.environment(), files.run());
    builder.redirectInput(Path.of("/dev/null").toFile());
    builder.redirectErrorStream(true);
    builder.redirectOutput(log.file().toFile());
    return Spawner.start(builder);
  }

  /** docs/interop of QEMU: block-stream copies what is above the base, and then drops it. */
  private static void copy(Qmp monitor, DiskChain chain, int kept, Duration limit)
      throws IOException {
    int count = chain.links().size();
    // The header is to name no file, as those of all layers.
    String base =
        kept == 0
            ? ""
            : ",\"base-node\":\"%s\",\"backing-file\":\"\"".formatted(chain.name(count - kept));
    monitor.ask(
        "{\"execute\":\"block-stream\",\"arguments\":{\"job-id\":\"copy\",\"device\":\"%s\",\"auto-dismiss\":false%s}}"
            .formatted(chain.node(), base),
        MONITOR_MILLIS);
    long deadline = System.nanoTime() + limit.toNanos();
    while (!monitor.ask("{\"execute\":\"query-jobs\"}", MONITOR_MILLIS).equals("concluded")) {
      if (System.nanoTime() > deadline) {
        throw new MachineException(
            "Layers could not be copied in " + limit.toSeconds() + " s. The disk may be too slow.");
      }
      try {
        Thread.sleep(POLL_MILLIS);
      } catch (InterruptedException e) {
        throw interrupted();
      }
    }
  }

  /** What it holds in memory is written down by then. */
  private static void awaitEnd(Process process, MachineLog log) throws IOException {
    try {
      if (!process.waitFor(MONITOR_MILLIS, TimeUnit.MILLISECONDS)) {
        throw new MachineException("QEMU does not end after it copied layers.");
      }
    } catch (InterruptedException e) {
      throw interrupted();
    }
    if (process.exitValue() != 0) {
      throw new MachineException("QEMU could not finish copying layers. " + log.complaints());
    }
  }

  private static InterruptedIOException interrupted() {
    Thread.currentThread().interrupt();
    return new InterruptedIOException("Interrupted while layers were copied.");
  }
}
