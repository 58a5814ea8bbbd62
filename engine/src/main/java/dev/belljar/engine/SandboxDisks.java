package dev.belljar.engine;

import dev.belljar.FileSystemOperationException;
import dev.belljar.InvalidOptionException;
import dev.belljar.SandboxOptions;
import dev.belljar.SandboxUnavailableException;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.Volume;
import dev.belljar.engine.agent.Agent;
import dev.belljar.engine.agent.Agent.Purpose;
import dev.belljar.engine.agent.AgentErrorException;
import dev.belljar.engine.image.Image;
import dev.belljar.engine.vmm.JailUser;
import dev.belljar.engine.vmm.Machine;
import dev.belljar.engine.vmm.MachineDisk;
import dev.belljar.engine.vmm.MachineDisk.Format;
import dev.belljar.engine.vmm.MachineDisk.Layer;
import dev.belljar.engine.vmm.RefusedByMonitorException;
import dev.belljar.engine.volumes.BootImage;
import dev.belljar.engine.volumes.FaultPoint;
import dev.belljar.engine.volumes.OpenedCheckpoint;
import dev.belljar.engine.volumes.OpenedCheckpoint.OpenedDisk;
import dev.belljar.engine.volumes.RunningDisk;
import dev.belljar.engine.volumes.SavedDisks.SavedDisk;
import dev.belljar.engine.volumes.VolumeStore;
import dev.belljar.engine.volumes.VolumeStore.Opened;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The disks that one sandbox has beyond its own, from when they are opened until it has ended: root
 * and volumes, or those of a checkpoint.
 */
final class SandboxDisks implements AutoCloseable {
  /** The slot of the image below a root that was made above another image than today's. */
  private static final int IMAGE_SLOT = 0;

  private static final int FIRST_SLOT = 1;
  private static final Duration LONGEST_FREEZE = Duration.ofSeconds(5);
  private static final Duration LONGEST_WAIT = Duration.ofSeconds(10);
  private static final long RETRY_NANOS = 20_000_000;
  private static final int EBUSY = 16;

  /** Of a guest that waits for a disk to have the size that it is to have. */
  private static final int ETIMEDOUT = 110;

  /** ENOTDIR, ENAMETOOLONG, ELOOP: what a path says of itself, whatever the disk holds. */
  private static final Set<Integer> NO_DIRECTORY = Set.of(20, 36, 40);

  private static final int ENOSPC = 28;

  /** Until the guest has written down what it holds in memory. */
  private static final long FREEZING_SECONDS = 30;

  private static final Duration THAWING = Duration.ofSeconds(10);
  private static final Logger LOG = LoggerFactory.getLogger(SandboxDisks.class);

  private final VolumeStore store;
  private final List<Use> uses;
  private final Optional<OpenedCheckpoint> checkpoint;
  private final List<HeldDisk> held = new ArrayList<>();
  private final List<MachineDisk> disks = new ArrayList<>();

  private record Use(Opened opened, String target, boolean root) {}

  private SandboxDisks(VolumeStore store, List<Use> uses, Optional<OpenedCheckpoint> checkpoint) {
    this.store = store;
    this.uses = uses;
    this.checkpoint = checkpoint;
  }

  /** Those of a checkpoint; what is written to them is gone with the sandbox. */
  static SandboxDisks of(VolumeStore store, OpenedCheckpoint checkpoint) {
    return new SandboxDisks(store, List.of(), Optional.of(checkpoint));
  }

  /**
   * Opens what the options name; nobody else has it from then on.
   *
   * @return empty where they name nothing
   */
  static Optional<SandboxDisks> open(
      VolumeStore store, String owner, SandboxOptions options, String sandbox) {
    if (options.root().isEmpty() && options.volumes().isEmpty()) {
      return Optional.empty();
    }
    SandboxDisks disks = new SandboxDisks(store, new ArrayList<>(), Optional.empty());
    try {
      options
          .root()
          .ifPresent(
              name -> disks.uses.add(new Use(store.openRoot(owner, name, sandbox), "/", true)));
      for (Map.Entry<String, String> volume : options.volumes().entrySet()) {
        Opened opened = disks.openVolume(owner, volume.getValue(), sandbox);
        disks.uses.add(new Use(opened, volume.getKey(), false));
      }
      return Optional.of(disks);
    } catch (RuntimeException e) {
      disks.close();
      throw e;
    }
  }

  private Opened openVolume(String owner, String name, String sandbox) {
    try {
      return store.openVolume(owner, name, sandbox);
    } catch (StorageException e) {
      if (e.reason() == Reason.BUSY && holds(owner, name, sandbox)) {
        throw new InvalidOptionException(
            "Volume '%s' is named twice: a sandbox has a volume in one place.".formatted(name), e);
      }
      throw e;
    }
  }

  private boolean holds(String owner, String name, String sandbox) {
    return store.volume(owner, name).flatMap(Volume::holder).filter(sandbox::equals).isPresent();
  }

  /**
   * Makes ready what the machine needs, and gives it to the machine's user.
   *
   * @param run the machine's directory
   */
  List<MachineDisk> prepare(Image image, Path run, JailUser user) throws IOException {
    if (checkpoint.isPresent()) {
      for (OpenedDisk disk : checkpoint.get().disks()) {
        disks.add(goneOn(checkpoint.get(), disk, run, user));
      }
      checkLayers(disks, "Make the checkpoint anew, of a sandbox that has fewer");
      return List.copyOf(disks);
    }
    int slot = FIRST_SLOT;
    for (Use use : uses) {
      Opened opened = use.opened;
      if (use.root && !opened.image().equals(Optional.of(image.hash()))) {
        MachineDisk older = older(opened.image().orElseThrow(), run, user);
        disks.add(older);
        held.add(HeldDisk.passing(older, List.of(), Optional.empty(), opened.image()));
      }
      List<Layer> layers = new ArrayList<>();
      if (!opened.writable()) {
        layers.add(above(run, "root", opened.bytes(), user));
      }
      boolean head = opened.writable();
      for (Path file : opened.layers()) {
        if (head) {
          user.take(file);
        }
        layers.add(layer(file, head));
        head = false;
      }
      MachineDisk disk = new MachineDisk(slot++, layers, opened.bytes());
      disks.add(disk);
      held.add(
          opened.writable()
              ? HeldDisk.ofVolume(disk, opened.id())
              : HeldDisk.passing(disk, List.of(), Optional.of(opened.id()), Optional.empty()));
    }
    checkLayers(
        disks, "Use fewer volumes, or delete snapshots of them: their layers are merged then");
    return List.copyOf(disks);
  }

  /** Each layer is a mount of its own in the jail, whose places are counted. */
  static void checkLayers(List<MachineDisk> disks, String remedy) {
    int layers = disks.stream().mapToInt(disk -> disk.layers().size()).sum();
    if (layers > MachineDisk.MOST_LAYERS) {
      throw new StorageException(
          Reason.FULL,
          "The volumes and the root of a sandbox may have %d layers together, and these have %d. %s."
              .formatted(MachineDisk.MOST_LAYERS, layers, remedy));
    }
  }

  private MachineDisk goneOn(OpenedCheckpoint source, OpenedDisk saved, Path run, JailUser user)
      throws IOException {
    SavedDisk as = saved.saved();
    List<Layer> layers = new ArrayList<>();
    layers.add(above(run, "slot" + as.slot(), as.bytes(), user));
    saved.files().forEach(file -> layers.add(layer(file, false)));
    saved
        .image()
        .ifPresent(image -> layers.add(new Layer(image, BootImage.NAME, false, Format.RAW)));
    MachineDisk disk = new MachineDisk(as.slot(), layers, as.bytes());
    List<Path> frozen = saved.files().subList(0, as.files().size());
    held.add(HeldDisk.passing(disk, frozen, as.top().map(top -> source.id()), as.image()));
    return disk;
  }

  /** What the machine writes to. */
  List<HeldDisk> held() {
    return List.copyOf(held);
  }

  /** A guest that is told of a size must be able to have it written: a layer of its own is. */
  private MachineDisk older(String hash, Path run, JailUser user) throws IOException {
    Path root = store.imageDirectory(hash).resolve(BootImage.NAME);
    if (!Files.exists(root)) {
      throw new StorageException(
          Reason.DAMAGED, "The image " + hash + ", which the root lies above, is missing.");
    }
    long bytes = (Files.size(root) + 511) / 512 * 512;
    Path directory = Optional.ofNullable(root.getParent()).orElseThrow();
    return new MachineDisk(
        IMAGE_SLOT,
        List.of(
            above(run, "image", bytes, user),
            new Layer(directory, BootImage.NAME, false, Format.RAW)),
        bytes);
  }

  private Layer above(Path run, String name, long bytes, JailUser user) throws IOException {
    Path directory = Files.createDirectory(run.resolve(name));
    Path file = directory.resolve(name + ".qcow2");
    store.createEmpty(file, bytes);
    user.take(directory);
    user.take(file);
    return new Layer(directory, name + ".qcow2", true);
  }

  private static Layer layer(Path file, boolean writable) {
    return new Layer(
        Optional.ofNullable(file.getParent()).orElseThrow(),
        String.valueOf(file.getFileName()),
        writable);
  }

  /** Has the guest use them. */
  void attach(Machine machine) throws IOException {
    if (checkpoint.isPresent()) {
      // The guest has them mounted.
      return;
    }
    FaultPoint.MACHINE_RUNS.reached();
    machine.announce(disks);
    Agent agent = machine.agent();
    int at = 0;
    if (disks.getFirst().slot() == IMAGE_SLOT) {
      MachineDisk image = disks.get(at++);
      attach(agent, image, Purpose.IMAGE, "/", "the image");
    }
    for (Use use : uses) {
      MachineDisk disk = disks.get(at++);
      attach(agent, disk, use.root ? Purpose.ROOT : Purpose.VOLUME, use.target, use.opened.id());
      if (use.opened.writable()) {
        store.runs(use.opened.id(), new Running(machine, disk));
      }
      FaultPoint.DISK_MOUNTED.reached();
    }
  }

  private static void attach(
      Agent agent, MachineDisk disk, Purpose purpose, String target, String what)
      throws IOException {
    try {
      agent.attach(disk.slot(), purpose, disk.bytes(), target);
    } catch (AgentErrorException e) {
      if (e.errno() == ETIMEDOUT) {
        throw new SandboxUnavailableException(
            "The guest was not told in time of the disk of %s. This host may be overloaded; try again."
                .formatted(what),
            e);
      }
      if (NO_DIRECTORY.contains(e.errno())) {
        throw new InvalidOptionException(
            "A volume cannot be at '%s': that cannot be a directory there, or a symbolic link leads elsewhere."
                .formatted(target),
            e);
      }
      if (e.errno() == ENOSPC && purpose == Purpose.VOLUME) {
        throw new StorageException(
            Reason.FULL, "The root has no room for the directory '%s'.".formatted(target), e);
      }
      if (e.errno() == ENOSPC) {
        throw new StorageException(
            Reason.FULL,
            "%s is full and has no room for what a root needs. Mount it as a volume and delete what is below 'upper' there, or make a larger volume from a snapshot of it."
                .formatted(what),
            e);
      }
      throw new StorageException(
          Reason.DAMAGED,
          "%s could not be mounted at '%s' in the guest (%s): it is damaged. Make a volume from a snapshot of it instead."
              .formatted(what, target, said(e)),
          e);
    }
  }

  /** In words, not only by number. */
  private static String said(AgentErrorException e) {
    return String.valueOf(FileSystemOperationException.of(e.errno(), e.operation()).getMessage());
  }

  /** Whether something is to be written down before the machine may end. */
  boolean writable() {
    return uses.stream().anyMatch(use -> use.opened.writable());
  }

  /** The guest did not write down what it held: who takes a volume next looks at it first. */
  void endUncleanly() {
    for (Use use : uses) {
      if (use.opened.writable()) {
        store.endedUncleanly(use.opened.id());
      }
    }
  }

  /** As above, of a sandbox that could not be made; that failure is what counts. */
  void endUncleanlyAfter(Exception failure) {
    try {
      endUncleanly();
    } catch (StorageException e) {
      failure.addSuppressed(e);
    }
  }

  /** Gives all of them back; the machine must be gone. The first failure is thrown in the end. */
  @Override
  public void close() {
    Optional<RuntimeException> failure = Optional.empty();
    for (Use use : uses) {
      try {
        use.opened.close();
      } catch (RuntimeException e) {
        failure.ifPresent(e::addSuppressed);
        failure = failure.or(() -> Optional.of(e));
      }
    }
    if (failure.isPresent()) {
      throw failure.get();
    }
    checkpoint.ifPresent(OpenedCheckpoint::close);
  }

  /** A volume in a machine. */
  private record Running(Machine machine, MachineDisk disk) implements RunningDisk {
    @Override
    public void admit(Path file) throws IOException {
      machine.user().take(file);
    }

    @Override
    public void freeze() throws IOException {
      if (machine.isPaused()) {
        throw new IOException("its sandbox is paused; resume it first");
      }
      CompletableFuture<Void> freezing = new CompletableFuture<>();
      Thread.ofVirtual()
          .name("freeze")
          .start(
              () -> {
                try {
                  machine.agent().sync(false);
                  freezeWhenFree();
                  if (!freezing.complete(null)) {
                    machine.agent().thaw(disk.slot());
                  }
                } catch (IOException | AgentErrorException | RuntimeException e) {
                  freezing.completeExceptionally(e);
                }
              });
      try {
        freezing.get(FREEZING_SECONDS, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        freezing.completeExceptionally(e);
        throw new java.io.InterruptedIOException("interrupted");
      } catch (ExecutionException e) {
        throw new IOException(
            e.getCause() instanceof AgentErrorException refused
                ? said(refused)
                : LocalSandbox.rootOf(e),
            e);
      } catch (TimeoutException e) {
        // What comes too late is undone.
        freezing.completeExceptionally(e);
        throw new IOException("it took longer than " + FREEZING_SECONDS + " s", e);
      }
    }

    /** Files that are copied or removed for the host are waited for, a while. */
    private void freezeWhenFree() throws IOException, AgentErrorException {
      long deadline = System.nanoTime() + LONGEST_WAIT.toNanos();
      while (true) {
        try {
          machine.agent().freeze(disk.slot(), LONGEST_FREEZE, LONGEST_WAIT);
          return;
        } catch (AgentErrorException e) {
          if (e.errno() != EBUSY || System.nanoTime() > deadline) {
            throw e;
          }
          LockSupport.parkNanos(RETRY_NANOS);
        }
      }
    }

    @Override
    public boolean switchTo(Path file) throws IOException {
      try {
        machine.switchHeads(
            List.of(new Machine.NewHead(Optional.of(disk), String.valueOf(file.getFileName()))));
        return true;
      } catch (RefusedByMonitorException e) {
        LOG.warn("A disk is not switched to another file: {}", e.getMessage());
        return false;
      }
    }

    @Override
    public void thaw() throws IOException {
      try {
        InTime.ask(
            "thaw",
            THAWING,
            () -> {
              machine.agent().thaw(disk.slot());
              return disk;
            });
      } catch (AgentErrorException e) {
        throw new IOException(said(e), e);
      } catch (IOException e) {
        throw new IOException(LocalSandbox.rootOf(e), e);
      }
    }
  }
}
