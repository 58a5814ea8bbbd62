package dev.belljar.engine;

import dev.belljar.BelljarException;
import dev.belljar.Isolation;
import dev.belljar.SandboxOptions;
import dev.belljar.SandboxUnavailableException;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.engine.agent.Agent;
import dev.belljar.engine.agent.AgentErrorException;
import dev.belljar.engine.egress.EgressGateway;
import dev.belljar.engine.egress.EgressLog;
import dev.belljar.engine.egress.EgressPolicy;
import dev.belljar.engine.egress.Interception;
import dev.belljar.engine.egress.secrets.SandboxSecrets;
import dev.belljar.engine.egress.tls.SandboxAuthority;
import dev.belljar.engine.egress.tls.ServerTrust;
import dev.belljar.engine.image.Image;
import dev.belljar.engine.image.ImageStore;
import dev.belljar.engine.storage.Directories;
import dev.belljar.engine.storage.FileTree;
import dev.belljar.engine.storage.RunDirectories;
import dev.belljar.engine.template.AcceleratorChoice;
import dev.belljar.engine.template.ColdBoot;
import dev.belljar.engine.template.Template;
import dev.belljar.engine.template.TemplateStore;
import dev.belljar.engine.vmm.Accelerator;
import dev.belljar.engine.vmm.Cgroups;
import dev.belljar.engine.vmm.HostTools;
import dev.belljar.engine.vmm.Jail;
import dev.belljar.engine.vmm.JailUser;
import dev.belljar.engine.vmm.JailedDiskTool;
import dev.belljar.engine.vmm.Machine;
import dev.belljar.engine.vmm.MachineDisk;
import dev.belljar.engine.vmm.MachineFiles;
import dev.belljar.engine.vmm.MachineShape;
import dev.belljar.engine.volumes.BootImage;
import dev.belljar.engine.volumes.ConfinedDiskTool;
import dev.belljar.engine.volumes.DataCheck;
import dev.belljar.engine.volumes.DataReport;
import dev.belljar.engine.volumes.DiskTools;
import dev.belljar.engine.volumes.MachineKind;
import dev.belljar.engine.volumes.OpenedCheckpoint;
import dev.belljar.engine.volumes.VolumeStore;
import dev.belljar.spi.Tenant;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes machines on this host and hands them out as sandboxes; one for each process, ended with it.
 */
final class LocalEngine {
  private static final Logger LOG = LoggerFactory.getLogger("dev.belljar.engine");
  private static final Logger FOUND_OUT = LoggerFactory.getLogger("dev.belljar.engine.accelerator");
  private static final Duration QEMU_LIMIT = Duration.ofSeconds(20);
  private static final Duration ACTIVATION_LIMIT = Duration.ofSeconds(30);
  private static final int ENTROPY_BYTES = 256;

  private static final Object CREATION = new Object();
  private static @org.jspecify.annotations.Nullable LocalEngine instance;

  private final SecureRandom random = new SecureRandom();
  private final Directories directories;
  private final Jail jail;
  private final Image image;
  private final RunDirectories runs;
  private final TemplateStore templates;
  private final AcceleratorChoice accelerator;
  private final String qemuVersion;
  private final HostTools tools;
  private final Map<Path, VolumeStore> stores = new ConcurrentHashMap<>();
  private final Set<LocalSandbox> sandboxes = ConcurrentHashMap.newKeySet();
  private final ScheduledThreadPoolExecutor timer =
      new ScheduledThreadPoolExecutor(
          1, Thread.ofPlatform().daemon().name("belljar-timer").factory());

  /** Over those directories; {@link #instance} has the user's. */
  LocalEngine(Directories directories, Consumer<String> progress) throws IOException {
    this.directories = directories;
    tools =
        HostTools.find()
            .orElseThrow(
                () ->
                    new SandboxUnavailableException(
                        "QEMU or bubblewrap is missing on this host. " + HostPackages.remedy()));
    directories.makeAll();
    image = new ImageStore(directories).build(progress);
    qemuVersion = HostTools.versionOf(tools.qemu());
    if (!HostTools.isAtLeast(qemuVersion, HostTools.OLDEST_QEMU)) {
      throw new SandboxUnavailableException(
          "QEMU %s at %s is too old or tells no version: Belljar needs %s or newer."
              .formatted(qemuVersion, tools.qemu(), HostTools.OLDEST_QEMU));
    }
    boolean known = AcceleratorChoice.remembered(directories, qemuVersion).isPresent();
    runs = RunDirectories.open(directories);
    try {
      Cgroups cgroups = Cgroups.ofThisProcess();
      runs.clearAlso(cgroups.directories());
      jail = Jail.of(tools, directories, qemuVersion, cgroups, runs.groupPrefix());
      ColdBoot boot = new ColdBoot(tools, jail, image);
      accelerator = AcceleratorChoice.make(directories, runs, boot, qemuVersion, progress);
      templates = new TemplateStore(directories, runs, boot, jail, image, qemuVersion);
    } catch (IOException | RuntimeException e) {
      // The next try makes its own; this one's would stay for as long as the process.
      runs.close();
      throw e;
    }
    timer.setRemoveOnCancelPolicy(true);
    HourlyCollection.begin(timer, stores.values());
    Runtime.getRuntime().addShutdownHook(new Thread(this::end, "belljar-end"));
    if (accelerator.accelerator() == Accelerator.TCG) {
      // What is news has a name of its own, so that it can be shown where the rest is not.
      (known ? LOG : FOUND_OUT)
          .warn(
              "No hardware virtualization here: machines run in software emulation, safe but several times slower. {}",
              accelerator.reason());
    }
  }

  /** The engine of this process, started on first use. */
  static LocalEngine instance() {
    return instance(step -> LOG.info("{}", step));
  }

  /** As above, with somebody to hear what it is at if it must be started. */
  static LocalEngine instance(Consumer<String> progress) {
    synchronized (CREATION) {
      if (instance == null) {
        try {
          instance = new LocalEngine(Directories.ofUser(), progress);
        } catch (IOException e) {
          throwIfInterrupted(e);
          throw new SandboxUnavailableException(
              "This host could not be made ready for sandboxes: "
                  + e.getMessage()
                  + "\n'belljar doctor' tells what is missing.",
              e);
        }
      }
      return instance;
    }
  }

  AcceleratorChoice accelerator() {
    return accelerator;
  }

  private Template template(SandboxOptions options, Consumer<String> progress) throws IOException {
    Template template = templates.get(shape(options), progress);
    if (AcceleratorChoice.remembered(directories, qemuVersion).isEmpty()) {
      accelerator.remember(directories, qemuVersion);
    }
    return template;
  }

  /** Makes the template of that shape, if it is not there. */
  void prepare(SandboxOptions options, Consumer<String> progress) {
    try {
      template(options, progress);
    } catch (IOException e) {
      throwIfInterrupted(e);
      throw new SandboxUnavailableException("No template could be made: " + e.getMessage(), e);
    }
  }

  /** The disks of a tenant. */
  LocalStorage storage(Tenant tenant) {
    Path directory = tenant.data().orElseGet(Directories::storageOfUser);
    VolumeStore store =
        stores.computeIfAbsent(directory, place -> openStore(place, tenant.grace()));
    store.limit(tenant.name(), tenant.limits());
    return new LocalStorage(store, tenant.name(), bootImage());
  }

  private VolumeStore openStore(Path directory, Optional<Duration> grace) {
    try {
      return VolumeStore.open(
          directory,
          diskTools(),
          new JailedMerger(jail, runs),
          InstantSource.system(),
          grace.or(VolumeGrace::ofThisProcess));
    } catch (IOException e) {
      throw new SandboxUnavailableException(
          "The volumes in "
              + directory
              + " cannot be used: "
              + e.getMessage()
              + " 'belljar data check' tells more.",
          e);
    }
  }

  private DiskTools diskTools() {
    Path mkfs =
        HostTools.locate("mkfs.ext4")
            .orElseThrow(
                () ->
                    new SandboxUnavailableException(
                        "mkfs.ext4 is missing on this host. " + HostPackages.remedy()));
    return new DiskTools(tools.qemuImg(), mkfs, this::confined);
  }

  /** Looks through the disks of all tenants in a directory. */
  DataReport check(Path directory, Progress progress) {
    try {
      return DataCheck.run(directory, diskTools(), InstantSource.system(), progress::step);
    } catch (IOException e) {
      throw new StorageException(
          Reason.DAMAGED, directory + " cannot be read: " + e.getMessage(), e);
    }
  }

  /** Runs QEMU's disk tool in a jail of its own. */
  ConfinedDiskTool.Ended confined(
      List<Path> read,
      Optional<Path> written,
      long largest,
      Duration limit,
      ConfinedDiskTool.Arguments arguments)
      throws IOException {
    JailedDiskTool.Ended ended =
        new JailedDiskTool(jail, runs).run(read, written, largest, limit, arguments::of);
    return new ConfinedDiskTool.Ended(ended.status(), ended.output(), ended.complaints());
  }

  LocalSandbox create(SandboxOptions options, Tenant tenant) {
    EgressPolicy policy = EgressPolicy.of(options);
    String id = SandboxIds.next(random);
    EgressLog egress = new EgressLog(id);
    Optional<Interception> interception = interception(options, id);
    EgressGateway gateway = new EgressGateway(policy, options.egressLimits(), interception, egress);
    Optional<SandboxDisks> disks = Optional.empty();
    try {
      Origin origin = origin(options, tenant, id);
      disks = origin.disks();
      Machine machine = restore(origin, gateway);
      try {
        List<String> authorities = authorities(options, interception);
        activate(machine, options, id, disks, authorities);
        LocalEnv env =
            new LocalEnv(
                options.env(),
                authorities,
                interception.map(means -> means.secrets().environment()).orElse(Map.of()));
        LocalSandbox sandbox =
            new LocalSandbox(
                id,
                options,
                env,
                machine,
                disks,
                saving(origin, tenant, id, machine),
                gateway,
                egress,
                isolation(machine, origin.image()),
                timer,
                sandboxes::remove);
        // Before it starts: one that ends at once takes itself off again.
        sandboxes.add(sandbox);
        sandbox.start();
        return sandbox;
      } catch (IOException | RuntimeException e) {
        // Its guest may have mounted them, and written to them.
        disks.ifPresent(mounted -> mounted.endUncleanlyAfter(e));
        machine.close();
        throw e;
      }
    } catch (IOException e) {
      gateway.close();
      disks.ifPresent(SandboxDisks::close);
      throwIfInterrupted(e);
      throw new SandboxUnavailableException("No machine could be started: " + e.getMessage(), e);
    } catch (RuntimeException e) {
      gateway.close();
      disks.ifPresent(SandboxDisks::close);
      throw e;
    }
  }

  /**
   * What a machine begins as.
   *
   * @param template what it is restored from
   * @param image the image that it runs above
   * @param kind what a checkpoint of it will take
   * @param disks those beyond its own
   */
  private record Origin(
      Template template, BootImage image, MachineKind kind, Optional<SandboxDisks> disks) {}

  private Origin origin(SandboxOptions options, Tenant tenant, String id) throws IOException {
    if (options.checkpoint().isPresent()) {
      return checkpoint(options.checkpoint().get(), tenant, id);
    }
    Template template = template(options, step -> LOG.info("{}", step));
    Optional<SandboxDisks> disks =
        options.root().isEmpty() && options.volumes().isEmpty()
            ? Optional.empty()
            : SandboxDisks.open(storage(tenant).store(), tenant.name(), options, id);
    return new Origin(template, bootImage(), kind(template.shape()), disks);
  }

  private Origin checkpoint(String name, Tenant tenant, String id) {
    VolumeStore store = storage(tenant).store();
    OpenedCheckpoint opened = store.openCheckpoint(tenant.name(), name, id);
    MachineKind made = opened.machine();
    MachineShape shape =
        new MachineShape(accelerator.accelerator(), made.memoryMebibytes(), made.vcpus());
    MachineKind here = kind(shape);
    if (!made.equals(here)) {
      opened.close();
      throw new StorageException(
          Reason.INCOMPATIBLE,
          "Checkpoint '%s' was made under '%s', and this host has '%s'. Make it again."
              .formatted(opened.slug(), made.engine(), here.engine()));
    }
    return new Origin(
        new Template(opened.directory(), opened.saved().own(), shape),
        new BootImage(opened.saved().image(), opened.image()),
        made,
        Optional.of(SandboxDisks.of(store, opened)));
  }

  private MachineKind kind(MachineShape shape) {
    return new MachineKind(templates.engine(shape), shape.memoryMebibytes(), shape.vcpus());
  }

  private BootImage bootImage() {
    return new BootImage(image.hash(), image.directory());
  }

  /** The store of volumes is opened when the first checkpoint is made. */
  private Supplier<MachineSaving> saving(Origin origin, Tenant tenant, String id, Machine machine) {
    return () ->
        new MachineSaving(
            storage(tenant).store(),
            tenant.name(),
            id,
            origin.template(),
            origin.image(),
            origin.kind(),
            machine,
            origin.disks().map(SandboxDisks::held).orElse(List.of()));
  }

  /** What it takes to use secrets, where there are any. */
  private Optional<Interception> interception(SandboxOptions options, String id) {
    if (options.secrets().isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(
        new Interception(
            SandboxSecrets.of(options.secrets(), EgressPolicy::hostsOf, random),
            new SandboxAuthority(id, random),
            new ServerTrust(options.caCertificates())));
  }

  /** Whom the guest is to believe. */
  private static List<String> authorities(
      SandboxOptions options, Optional<Interception> interception) {
    List<String> pems = new ArrayList<>(options.caCertificates());
    interception.ifPresent(means -> pems.add(means.authority().pem()));
    return pems;
  }

  /** A host that could not be asked for long enough is not one that has no machines. */
  private static void throwIfInterrupted(IOException failure) {
    if (Interruption.causes(failure)) {
      Thread.currentThread().interrupt();
      throw new BelljarException("Interrupted while a sandbox was being made.", failure);
    }
  }

  private Machine restore(Origin origin, EgressGateway gateway) throws IOException {
    Template template = origin.template();
    Path run = runs.create();
    JailUser user = jail.nextUser();
    List<MachineDisk> slots = List.of();
    try {
      if (origin.disks().isPresent()) {
        slots = origin.disks().get().prepare(image, run, user);
      }
      Path disk = run.resolve(MachineFiles.DISK);
      Files.copy(template.emptyDisk(), disk);
      Files.setAttribute(disk, "unix:mode", 0600);
      user.take(disk);
    } catch (IOException | RuntimeException e) {
      FileTree.delete(run);
      throw e;
    }
    MachineFiles files =
        new MachineFiles(
            origin.image().directory(),
            template.directory(),
            Optional.of(template.state()),
            0,
            run,
            user,
            template.disks(),
            slots);
    return Machine.start(jail, template.shape(), files, gateway, QEMU_LIMIT);
  }

  private void activate(
      Machine machine,
      SandboxOptions options,
      String id,
      Optional<SandboxDisks> disks,
      List<String> authorities)
      throws IOException {
    // A guest that never answers would keep us for ever: ending the connection ends the wait.
    Future<?> limit = limitActivation(machine);
    try {
      Agent agent = machine.agent();
      long began = System.nanoTime();
      agent.activate(
          new Agent.Activation(
              Instant.now(),
              bytes(ENTROPY_BYTES),
              hostName(id),
              HexFormat.of().formatHex(bytes(16)),
              options.processes()));
      LOG.debug("Activated after {} µs", (System.nanoTime() - began) / 1000);
      if (disks.isPresent()) {
        disks.get().attach(machine);
      }
      CaCertificates.install(agent.files(), authorities);
    } catch (AgentErrorException e) {
      throw new IOException("the agent could not be activated (" + e.getMessage() + ")", e);
    } catch (IOException e) {
      machine.checkMonitor();
      throw new IOException((e.getMessage() + " " + machine.complaints()).strip(), e);
    } finally {
      limit.cancel(false);
    }
  }

  private Future<?> limitActivation(Machine machine) {
    try {
      return timer.schedule(machine.agent()::close, ACTIVATION_LIMIT.toSeconds(), TimeUnit.SECONDS);
    } catch (RejectedExecutionException e) {
      throw new SandboxUnavailableException("This process is ending and makes no sandboxes.", e);
    }
  }

  private MachineShape shape(SandboxOptions options) {
    return new MachineShape(
        accelerator.accelerator(), (int) (options.memory().bytes() >> 20), options.vcpus());
  }

  private Isolation isolation(Machine machine, BootImage above) {
    boolean hardware = accelerator.accelerator() == Accelerator.KVM;
    return new Isolation(
        "QEMU " + qemuVersion, hardware ? "kvm" : "tcg", hardware, machine.jail(), above.hash());
  }

  private byte[] bytes(int count) {
    byte[] bytes = new byte[count];
    random.nextBytes(bytes);
    return bytes;
  }

  /** A host name may have 63 characters of letters, digits and hyphens. */
  private static String hostName(String id) {
    return id.replace('_', '-');
  }

  /** At once: those with volumes have their guests write down what is left. */
  private static void endAll(List<LocalSandbox> all) {
    List<Thread> ends =
        all.stream().map(one -> Thread.ofVirtual().name("end").start(one::kill)).toList();
    for (Thread end : ends) {
      try {
        end.join();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  /** Ends all sandboxes and removes what belongs to this process; it makes no more. */
  void end() {
    endAll(List.copyOf(sandboxes));
    timer.shutdownNow();
    for (VolumeStore store : stores.values()) {
      try {
        store.close();
      } catch (IOException e) {
        LOG.warn("Cannot give back volumes: {}. The next start will.", e.getMessage());
      }
    }
    try {
      runs.close();
    } catch (IOException e) {
      LOG.warn("Cannot clear the run directory: {}. The next start will.", e.getMessage());
    }
  }
}
