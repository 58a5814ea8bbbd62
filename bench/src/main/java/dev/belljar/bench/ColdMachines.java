package dev.belljar.bench;

import dev.belljar.SandboxOptions;
import dev.belljar.engine.image.Image;
import dev.belljar.engine.image.ImageStore;
import dev.belljar.engine.storage.Directories;
import dev.belljar.engine.storage.RunDirectories;
import dev.belljar.engine.template.AcceleratorChoice;
import dev.belljar.engine.template.ColdBoot;
import dev.belljar.engine.vmm.HostTools;
import dev.belljar.engine.vmm.Jail;
import dev.belljar.engine.vmm.Machine;
import dev.belljar.engine.vmm.MachineShape;
import java.io.IOException;
import java.time.Duration;

/** Machines of the default size that are booted and not restored: what a template saves. */
final class ColdMachines implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(90);

  private final RunDirectories runs;
  private final ColdBoot boot;
  private final MachineShape shape;

  private ColdMachines(RunDirectories runs, ColdBoot boot, MachineShape shape) {
    this.runs = runs;
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
    Jail jail = Jail.of(tools, directories, version);
    return new ColdMachines(
        RunDirectories.open(directories), new ColdBoot(tools, jail, image), shape);
  }

  /** Boots one, to the greeting of its agent. */
  Machine boot() throws IOException {
    // Memory and disk go where run directories are: whatever happens, they are removed with them.
    return boot.boot(shape, runs.create(), runs.create(), LIMIT);
  }

  @Override
  public void close() throws IOException {
    runs.close();
  }
}
