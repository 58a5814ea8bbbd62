package dev.belljar.bench;

import dev.belljar.SandboxOptions;
import dev.belljar.engine.image.Image;
import dev.belljar.engine.image.ImageStore;
import dev.belljar.engine.storage.Directories;
import dev.belljar.engine.storage.FileTree;
import dev.belljar.engine.template.AcceleratorChoice;
import dev.belljar.engine.template.ColdBoot;
import dev.belljar.engine.vmm.Cgroups;
import dev.belljar.engine.vmm.HostTools;
import dev.belljar.engine.vmm.Jail;
import dev.belljar.engine.vmm.Machine;
import dev.belljar.engine.vmm.MachineDisk;
import dev.belljar.engine.vmm.MachineShape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/** Machines of the default size that are booted and not restored: what a template saves. */
final class ColdMachines implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(90);

  private final Path directory;
  private final ColdBoot boot;
  private final MachineShape shape;

  private ColdMachines(Path directory, ColdBoot boot, MachineShape shape) {
    this.directory = directory;
    this.boot = boot;
    this.shape = shape;
  }

  /** With the image and the accelerator that sandboxes on this host have; both must be there. */
  static ColdMachines open() throws IOException {
    HostTools tools = HostTools.find().orElseThrow();
    String version = HostTools.versionOf(tools.qemu());
    Directories directories = Directories.ofUser();
    Image image = new ImageStore(directories).find().orElseThrow();
    AcceleratorChoice choice = AcceleratorChoice.remembered(directories, version).orElseThrow();
    SandboxOptions defaults = SandboxOptions.builder().build();
    MachineShape shape =
        new MachineShape(
            choice.accelerator(), (int) (defaults.memory().bytes() >> 20), defaults.vcpus());
    Jail jail = Jail.of(tools, directories, Cgroups.ofThisProcess(), "belljar-cold-");
    // Not in a second RunDirectories: its look at the engine's lock file, from the same process,
    // would release the engine's lock, and the next Belljar to start would clear what runs here.
    Path directory = Files.createTempDirectory(directories.make(directories.cache()), "cold-");
    return new ColdMachines(directory, new ColdBoot(tools, jail, image), shape);
  }

  /** Boots one, to the greeting of its agent. */
  Machine boot() throws IOException {
    return boot(List.of());
  }

  /** As above, with disks in its slots. */
  Machine boot(List<MachineDisk> disks) throws IOException {
    // Below the cache, which is all that the jail can reach.
    return boot.boot(
        shape,
        Files.createTempDirectory(directory, "disk-"),
        Files.createTempDirectory(directory, "run-"),
        disks,
        LIMIT);
  }

  @Override
  public void close() throws IOException {
    FileTree.delete(directory);
  }
}
