package dev.belljar.engine.template;

import dev.belljar.engine.agent.NoStreams;
import dev.belljar.engine.image.Image;
import dev.belljar.engine.vmm.Accelerator;
import dev.belljar.engine.vmm.HostTools;
import dev.belljar.engine.vmm.Jail;
import dev.belljar.engine.vmm.JailUser;
import dev.belljar.engine.vmm.Machine;
import dev.belljar.engine.vmm.MachineDisk;
import dev.belljar.engine.vmm.MachineException;
import dev.belljar.engine.vmm.MachineFiles;
import dev.belljar.engine.vmm.MachineShape;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeoutException;

/** Boots a machine from the image, with a disk and memory in files that can be frozen. */
public final class ColdBoot {
  /** Of every disk that is thrown away with its sandbox. */
  private static final String DISK_SIZE = "10G";

  private static final Duration QEMU_LIMIT = Duration.ofSeconds(15);

  private final HostTools tools;
  private final Jail jail;
  private final Image image;

  /** For one image. */
  public ColdBoot(HostTools tools, Jail jail, Image image) {
    this.tools = tools;
    this.jail = jail;
    this.image = image;
  }

  /**
   * Boots and blocks until the agent greets.
   *
   * @param directory new; will hold memory and disk
   * @param run new; the machine's own, removed with it
   * @param limit how long the boot may take
   * @throws IOException where it did not get that far; the message says what is known
   */
  public Machine boot(MachineShape shape, Path directory, Path run, Duration limit)
      throws IOException {
    return boot(shape, directory, run, List.of(), limit);
  }

  /**
   * As above, with disks in its slots.
   *
   * @param disks those of their files that are writable become the user's that QEMU runs as
   */
  public Machine boot(
      MachineShape shape, Path directory, Path run, List<MachineDisk> disks, Duration limit)
      throws IOException {
    createDisk(
        directory.resolve(MachineFiles.DISK), Jail.IMAGE + "/" + MachineFiles.BLANK_DISK, "raw");
    Path memory = directory.resolve(MachineFiles.MEMORY);
    try (FileChannel file =
        FileChannel.open(memory, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      file.write(java.nio.ByteBuffer.allocate(1), ((long) shape.memoryMebibytes() << 20) - 1);
    }
    JailUser user = jail.nextUser();
    user.take(directory);
    user.take(directory.resolve(MachineFiles.DISK));
    user.take(memory);
    for (MachineDisk disk : disks) {
      for (MachineDisk.Layer layer : disk.layers()) {
        if (layer.writable()) {
          user.take(layer.directory().resolve(layer.name()));
        }
      }
    }
    MachineFiles files =
        new MachineFiles(
            image.directory(),
            directory,
            Optional.empty(),
            tsc(shape),
            run,
            user,
            List.of(),
            disks);
    Machine machine = Machine.start(jail, shape, files, new NoStreams(), QEMU_LIMIT);
    try {
      machine.agent().awaitGreeting(limit);
      machine.checkMonitor();
      return machine;
    } catch (TimeoutException e) {
      String complaints = machine.complaints();
      machine.close();
      throw new MachineException(
          ("The guest did not come up in " + limit.toSeconds() + " s. " + complaints).strip(), e);
    } catch (IOException e) {
      String complaints = machine.complaints();
      machine.close();
      throw new MachineException(
          ("The guest did not come up: " + e.getMessage() + " " + complaints).strip(), e);
    }
  }

  /** Makes an empty qcow2 over a file that is at that path in the jail. */
  void createDisk(Path disk, String backing, String format) throws IOException {
    outputOf(
        tools.qemuImg().toString(),
        "create",
        "-q",
        "-u",
        "-f",
        "qcow2",
        "-b",
        backing,
        "-F",
        format,
        disk.toString(),
        DISK_SIZE);
  }

  /**
   * An emulated guest has nothing to measure the counter against; the agent measures it on this
   * host.
   */
  private long tsc(MachineShape shape) throws IOException {
    if (shape.accelerator() == Accelerator.KVM) {
      return 0;
    }
    String said = outputOf(image.agent().toString(), "--tsc").strip();
    try {
      return Long.parseLong(said);
    } catch (NumberFormatException e) {
      throw new MachineException("The time stamp counter could not be measured: " + said, e);
    }
  }

  private static String outputOf(String... command) throws IOException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    process.getOutputStream().close();
    String said = new String(process.getInputStream().readNBytes(4096), StandardCharsets.UTF_8);
    try {
      if (process.waitFor() != 0) {
        throw new MachineException(command[0] + " failed: " + said.strip());
      }
      return said;
    } catch (InterruptedException e) {
      process.destroy();
      Thread.currentThread().interrupt();
      throw new java.io.InterruptedIOException("Interrupted while running " + command[0] + ".");
    }
  }
}
