package dev.belljar.engine;

import dev.belljar.BelljarException;
import dev.belljar.ByteSize;
import dev.belljar.Isolation;
import dev.belljar.PoolOptions;
import dev.belljar.SandboxOptions;
import dev.belljar.SandboxPool;
import dev.belljar.SandboxUnavailableException;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.engine.ReadyMachine.Handed;
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
import dev.belljar.engine.storage.FileIdentity;
import dev.belljar.engine.storage.RunDirectories;
import dev.belljar.engine.template.AcceleratorChoice;
import dev.belljar.engine.template.ColdBoot;
import dev.belljar.engine.template.Template;
import dev.belljar.engine.template.TemplateStore;
import dev.belljar.engine.vmm.Accelerator;
import dev.belljar.engine.vmm.Cgroups;
import dev.belljar.engine.vmm.HostTools;
import dev.belljar.engine.vmm.Jail;
import dev.belljar.engine.vmm.JailedDiskTool;
import dev.belljar.engine.vmm.Machine;
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
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ScheduledThreadPoolExecutor;
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
  private final Machines machines;
  private volatile Optional<SandboxPool> usualPool = Optional.empty();
  private final Map<Path, VolumeStore> stores = new ConcurrentHashMap<>();
  private final Set<LocalSandbox> sandboxes = ConcurrentHashMap.newKeySet();
  private boolean ended;
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
      jail = Jail.of(tools, directories, cgroups, runs.groupPrefix());
      ColdBoot boot = new ColdBoot(tools, jail, image);
      accelerator = AcceleratorChoice.make(directories, runs, boot, qemuVersion, progress);
      templates = new TemplateStore(directories, runs, boot, jail, image, qemuVersion);
    } catch (IOException | RuntimeException e) {
      // The next try makes its own; this one's would stay for as long as the process.
      runs.close();
      throw e;
    }
    machines = new Machines(jail, image, runs, timer);
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

  /** Ends the engine of this process, if there is one, as the end of the JVM does. */
  static void endInstance() {
    LocalEngine started;
    synchronized (CREATION) {
      started = instance;
    }
    if (started != null) {
      started.end();
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
          instance.openUsualPool();
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

  private Template template(MachineShape shape, Consumer<String> progress) throws IOException {
    requireImage();
    Template template = templates.get(shape, progress);
    if (AcceleratorChoice.remembered(directories, qemuVersion).isEmpty()) {
      accelerator.remember(directories, qemuVersion);
    }
    return template;
  }

  /** Makes the template of that shape, if it is not there. */
  void prepare(SandboxOptions options, Consumer<String> progress) {
    try {
      template(shape(options), progress);
    } catch (IOException e) {
      throwIfInterrupted(e);
      throw new SandboxUnavailableException("No template could be made: " + e.getMessage(), e);
    }
  }

  /** What the environment asks for; {@link SandboxPool#open} comes in its place. */
  private void openUsualPool() {
    String asked = System.getProperty("belljar.pool", System.getenv("BELLJAR_POOL"));
    if (asked != null && !asked.isEmpty()) {
      PoolOptions.parse(asked).ifPresent(options -> usualPool = Optional.of(openPool(options)));
    }
  }

  /** Keeps machines ready from now on. */
  SandboxPool openPool(PoolOptions options) {
    usualPool.ifPresent(SandboxPool::close);
    return machines.open(
        options,
        new Machines.Templates() {
          @Override
          public MachineShape shape(PoolOptions.Size size) {
            return LocalEngine.this.shape(size.memory(), size.vcpus());
          }

          @Override
          public Origin origin(MachineShape shape) throws IOException {
            Template template = template(shape, step -> LOG.info("{}", step));
            return new Origin(
                template, template.edition(), bootImage(), kind(shape), Optional.empty());
          }
        });
  }

  /** The disks of a tenant. */
  LocalStorage storage(Tenant tenant) {
    Path directory = real(tenant.data().orElseGet(Directories::storageOfUser));
    VolumeStore store =
        stores.computeIfAbsent(directory, place -> openStore(place, tenant.grace()));
    store.limit(tenant.name(), tenant.limits());
    return new LocalStorage(store, tenant.name(), bootImage());
  }

  /** There is one store of a directory, however it is spelled. */
  private static Path real(Path directory) {
    try {
      return FileIdentity.real(directory);
    } catch (IOException e) {
      throw unusable(directory, e);
    }
  }

  private static SandboxUnavailableException unusable(Path directory, IOException e) {
    return new SandboxUnavailableException(
        "The volumes in "
            + directory
            + " cannot be used: "
            + e.getMessage()
            + " 'belljar data check' tells more.",
        e);
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
      throw unusable(directory, e);
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
      List<String> authorities = authorities(options, interception);
      Handed handed =
          machines.get(
              origin,
              new Machines.Identity(id, tenant.name(), options.processes(), authorities),
              gateway);
      Machine machine = handed.machine();
      try {
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
                handed.deno(),
                timer,
                sandboxes::remove);
        // Before it starts: one that ends at once takes itself off again.
        sandboxes.add(sandbox);
        sandbox.start();
        return sandbox;
      } catch (RuntimeException e) {
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

  private Origin origin(SandboxOptions options, Tenant tenant, String id) throws IOException {
    if (options.checkpoint().isPresent()) {
      return checkpoint(options.checkpoint().get(), tenant, id);
    }
    Template template = template(shape(options), step -> LOG.info("{}", step));
    String edition = template.edition();
    Optional<SandboxDisks> disks =
        options.root().isEmpty() && options.volumes().isEmpty()
            ? Optional.empty()
            : SandboxDisks.open(storage(tenant).store(), tenant.name(), options, id);
    return new Origin(template, edition, bootImage(), kind(template.shape()), disks);
  }

  private Origin checkpoint(String name, Tenant tenant, String id) throws IOException {
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
    Template template = new Template(opened.directory(), opened.saved().own(), shape);
    String edition;
    try {
      edition = template.edition();
    } catch (IOException e) {
      opened.close();
      throw e;
    }
    return new Origin(
        template,
        edition,
        new BootImage(opened.saved().image(), opened.image()),
        made,
        Optional.of(SandboxDisks.of(store, opened)));
  }

  private MachineKind kind(MachineShape shape) {
    return new MachineKind(templates.engine(shape), shape.memoryMebibytes(), shape.vcpus());
  }

  /** What it was made of stays the same for as long as this process lives. */
  private void requireImage() throws IOException {
    if (!Files.isDirectory(image.directory())) {
      throw new IOException(
          "the image of this process is no longer there; start it anew, after 'belljar setup'.");
    }
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
            origin,
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

  private MachineShape shape(SandboxOptions options) {
    return shape(options.memory(), options.vcpus());
  }

  private MachineShape shape(ByteSize memory, int vcpus) {
    return new MachineShape(accelerator.accelerator(), (int) (memory.bytes() >> 20), vcpus);
  }

  private Isolation isolation(Machine machine, BootImage above) {
    boolean hardware = accelerator.accelerator() == Accelerator.KVM;
    return new Isolation(
        "QEMU " + qemuVersion, hardware ? "kvm" : "tcg", hardware, machine.jail(), above.hash());
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

  /**
   * Ends all sandboxes and removes what belongs to this process; it makes no more. Whoever calls it
   * second waits for the first.
   */
  synchronized void end() {
    if (ended) {
      return;
    }
    ended = true;
    machines.close();
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
