package dev.belljar.engine;

import dev.belljar.Checkpoint;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.engine.agent.AgentErrorException;
import dev.belljar.engine.storage.FileTree;
import dev.belljar.engine.template.Template;
import dev.belljar.engine.vmm.JailUser;
import dev.belljar.engine.vmm.Machine;
import dev.belljar.engine.vmm.Machine.NewHead;
import dev.belljar.engine.vmm.MachineDisk;
import dev.belljar.engine.vmm.MachineFiles;
import dev.belljar.engine.vmm.RefusedByMonitorException;
import dev.belljar.engine.volumes.BootImage;
import dev.belljar.engine.volumes.CheckpointDraft;
import dev.belljar.engine.volumes.FaultPoint;
import dev.belljar.engine.volumes.MachineKind;
import dev.belljar.engine.volumes.SavedDisks;
import dev.belljar.engine.volumes.SavedDisks.SavedDisk;
import dev.belljar.engine.volumes.VolumeStore;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes checkpoints of one machine. The guest stands still while its devices are saved, what it
 * changed in memory is copied and its disks get new heads; the rest of the work is done before and
 * after.
 */
final class MachineSaving implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(MachineSaving.class);

  /** Until the guest holds still, and then until it is saved. */
  private static final Duration LONGEST_HOLD = Duration.ofSeconds(30);

  private static final Duration LONGEST_WAIT = Duration.ofSeconds(5);

  private static final long LARGEST_STATE = 64L << 20;

  /** Files of one disk; each checkpoint of a sandbox that goes on from one adds one. */
  private static final int MOST_FILES = 32;

  private static final int EBUSY = 16;

  private final VolumeStore store;
  private final String owner;
  private final String sandbox;
  private final Template template;
  private final String edition;
  private final BootImage image;
  private final MachineKind kind;
  private final Machine machine;

  /** Holds what the machine wrote to before, out of its reach. */
  private final Path kept;

  private final List<HeldDisk> disks = new ArrayList<>();

  /**
   * Of a machine.
   *
   * @param origin what it began as
   * @param others its disks beyond its own
   */
  MachineSaving(
      VolumeStore store,
      String owner,
      String sandbox,
      Origin origin,
      Machine machine,
      List<HeldDisk> others) {
    this.store = store;
    this.owner = owner;
    this.sandbox = sandbox;
    this.template = origin.template();
    this.edition = origin.edition();
    this.image = origin.image();
    this.kind = origin.kind();
    this.machine = machine;
    kept = machine.run().resolveSibling(machine.run().getFileName() + ".kept");
    disks.add(
        HeldDisk.own(
            machine.run().resolve(MachineFiles.DISK),
            template.disks().stream().map(template.directory()::resolve).toList()));
    disks.addAll(others);
  }

  /** A disk, the file that it is to be written to, and the names of its files in the checkpoint. */
  private record Turn(HeldDisk disk, Path next, List<String> names) {}

  /** Makes one; one at a time. */
  Checkpoint save(String slug) throws IOException {
    for (HeldDisk disk : disks) {
      if (disk.frozen().size() >= MOST_FILES) {
        throw new StorageException(
            Reason.FULL,
            "Sandbox %s stands on %d checkpoints, which is the most. Make a new one from an earlier checkpoint, or from none."
                .formatted(sandbox, MOST_FILES - 1));
      }
    }
    List<String> volumes = disks.stream().flatMap(disk -> disk.volume().stream()).toList();
    long memory = (long) kind.memoryMebibytes() << 20;
    CheckpointDraft.Request request =
        new CheckpointDraft.Request(
            owner, slug, sandbox, volumes, image, memory, MachineDisk.MOST_LAYERS);
    try (CheckpointDraft draft = store.beginCheckpoint(request)) {
      List<Turn> turns = prepare(draft);
      saveAtOneInstant(draft, turns);
      force(draft.directory());
      return draft.complete();
    } catch (IOException e) {
      throw VolumeStore.fullDisk(e).orElseThrow(() -> e);
    }
  }

  /** While the guest runs: what it does not change, and room for what it writes afterwards. */
  private List<Turn> prepare(CheckpointDraft draft) throws IOException {
    requireTemplate();
    List<Turn> turns = gather(draft);
    // What was there before and after is what was copied.
    requireTemplate();
    return turns;
  }

  private List<Turn> gather(CheckpointDraft draft) throws IOException {
    Path directory = draft.directory();
    store.copySparse(
        template.directory().resolve(MachineFiles.MEMORY), directory.resolve(MachineFiles.MEMORY));
    link(template.emptyDisk(), directory.resolve(Template.EMPTY_DISK));
    List<Turn> turns = new ArrayList<>();
    for (HeldDisk disk : disks) {
      if (disk.volume().isPresent()) {
        Path next = draft.newHead(disk.volume().get());
        user().take(next);
        turns.add(new Turn(disk, next, List.of()));
        continue;
      }
      List<String> names = new ArrayList<>();
      int number = disk.frozen().size();
      String prefix = disk.disk().map(known -> "slot" + known.slot()).orElse("disk");
      names.add(name(prefix, number));
      for (Path file : disk.frozen()) {
        String name = name(prefix, --number);
        link(file, directory.resolve(name));
        names.add(name);
      }
      turns.add(new Turn(disk, emptyBeside(disk, draft.id()), names));
    }
    return turns;
  }

  /** Of a machine's memory, only the pages that it has changed are its own. */
  private void requireTemplate() throws IOException {
    boolean same;
    try {
      same = template.edition().equals(edition);
    } catch (NoSuchFileException e) {
      same = false;
    }
    if (!same) {
      throw new StorageException(
          Reason.INCOMPATIBLE,
          "Sandbox %s cannot be saved: what its machine was restored from is no longer on this host. New sandboxes can be."
              .formatted(sandbox));
    }
  }

  private static String name(String prefix, int number) {
    return prefix + "-" + number + ".qcow2";
  }

  /**
   * Made where the machine reaches nothing, and then moved: it may have put links anywhere else.
   */
  private Path emptyBeside(HeldDisk disk, String id) throws IOException {
    Path next = disk.current().resolveSibling("after-" + id + ".qcow2");
    makeKept();
    Path made = kept.resolve(String.valueOf(next.getFileName()));
    Files.deleteIfExists(made);
    if (disk.disk().isPresent()) {
      store.createEmpty(made, disk.disk().get().bytes());
    } else {
      Files.copy(template.emptyDisk(), made);
    }
    Files.setAttribute(made, "unix:mode", 0600);
    user().take(made);
    MachineDirectory.move(made, machine.run(), next);
    return next;
  }

  private JailUser user() {
    return machine.user();
  }

  private void saveAtOneInstant(CheckpointDraft draft, List<Turn> turns) throws IOException {
    hold();
    boolean held = true;
    long began = System.nanoTime();
    try {
      try {
        machine.pause();
        FaultPoint.MACHINE_PAUSED.reached();
        long bytes = saveMachine(draft);
        FaultPoint.MACHINE_SAVED.reached();
        draft.commit(kind, saved(draft, turns), () -> switchHeads(turns));
        finish(draft, turns);
        LOG.debug(
            "Checkpoint {} of {}: {} bytes of memory, stood still for {} ms",
            draft.id(),
            sandbox,
            bytes,
            TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began));
      } finally {
        machine.resume();
        draft.endTurns();
      }
      held = false;
      release();
      setClock();
      FaultPoint.MACHINE_RESUMED.reached();
    } catch (AgentErrorException e) {
      // What was saved is of a guest that could not be taken over.
      throw new IOException("the guest went on while it was being saved", e);
    } finally {
      if (held) {
        letGo();
      }
    }
  }

  /** Files that are being copied or removed for the host are waited for, a while. */
  private void hold() throws IOException {
    long deadline = System.nanoTime() + LONGEST_WAIT.toNanos();
    while (true) {
      try {
        machine.agent().hold(LONGEST_HOLD);
        return;
      } catch (AgentErrorException e) {
        if (e.errno() != EBUSY || System.nanoTime() > deadline) {
          throw new StorageException(
              Reason.BUSY,
              e.errno() == EBUSY
                  ? "Sandbox " + sandbox + " is copying or removing files. Try again."
                  : "Sandbox %s does not hold still (%s).".formatted(sandbox, e.getMessage()),
              e);
        }
        LockSupport.parkNanos(20_000_000);
      }
    }
  }

  private void release() throws IOException, AgentErrorException {
    InTime.ask(
        "release",
        LONGEST_WAIT,
        () -> {
          machine.agent().release();
          return sandbox;
        });
  }

  private void setClock() throws IOException, AgentErrorException {
    InTime.ask(
        "clock",
        LONGEST_WAIT,
        () -> {
          machine.agent().setClock(Instant.now());
          return sandbox;
        });
  }

  private void letGo() {
    try {
      release();
    } catch (IOException | AgentErrorException e) {
      LOG.debug("A guest went on by itself", e);
    }
  }

  /** Returns how many bytes of memory had to be copied. */
  private long saveMachine(CheckpointDraft draft) throws IOException {
    String name = "devices-" + draft.id();
    machine.saveDevices(name);
    Path made = machine.run().resolve(name);
    Path state = keep(made, name);
    Path directory = draft.directory();
    copyBounded(state, directory.resolve(MachineFiles.STATE));
    Files.delete(state);
    Files.delete(made);
    return machine.saveMemory(directory.resolve(MachineFiles.MEMORY));
  }

  /** QEMU made it, and is believed nothing. */
  private static void copyBounded(Path from, Path to) throws IOException {
    try (FileChannel source =
            FileChannel.open(from, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
        FileChannel target =
            FileChannel.open(to, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      long size = source.size();
      if (size == 0 || size > LARGEST_STATE) {
        throw new IOException("the devices' state has " + size + " bytes");
      }
      long done = 0;
      while (done < size) {
        long count = source.transferTo(done, size - done, target);
        if (count <= 0) {
          throw new IOException("the devices' state shrank");
        }
        done += count;
      }
    }
  }

  private SavedDisks saved(CheckpointDraft draft, List<Turn> turns) throws IOException {
    List<String> own = List.of();
    List<SavedDisk> others = new ArrayList<>();
    for (Turn turn : turns) {
      HeldDisk disk = turn.disk;
      if (!turn.names.isEmpty()) {
        link(
            keep(disk.current(), turn.names.getFirst()),
            draft.directory().resolve(turn.names.getFirst()));
      }
      if (disk.disk().isEmpty()) {
        own = turn.names;
      } else {
        Optional<String> top =
            disk.volume().isPresent()
                ? Optional.of(draft.top(disk.volume().get()))
                : disk.origin().flatMap(id -> draft.currentTop(id, disk.disk().get().slot()));
        others.add(
            new SavedDisk(
                disk.disk().get().slot(),
                disk.disk().get().bytes(),
                turn.names,
                top,
                disk.image()));
      }
    }
    return new SavedDisks(image.hash(), own, others);
  }

  /**
   * Gives a file of the machine's another name, in a directory of ours: what is looked at there is
   * what is taken, and the machine can put nothing in its place.
   */
  private Path keep(Path file, String name) throws IOException {
    makeKept();
    Path ours = kept.resolve(name);
    Files.deleteIfExists(ours);
    Files.createLink(ours, file);
    check(ours);
    return ours;
  }

  private void makeKept() throws IOException {
    if (!Files.isDirectory(kept)) {
      Files.createDirectory(
          kept, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    }
  }

  private void check(Path saved) throws IOException {
    BasicFileAttributes found =
        Files.readAttributes(saved, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    Object uid = Files.getAttribute(saved, "unix:uid", LinkOption.NOFOLLOW_LINKS);
    if (!found.isRegularFile() || !user().owns((Integer) uid)) {
      Files.delete(saved);
      throw new IOException("the machine replaced its disk");
    }
  }

  /** Returns false where the machine refused, and everything is as before. */
  private boolean switchHeads(List<Turn> turns) throws IOException {
    try {
      machine.switchHeads(
          turns.stream()
              .map(turn -> new NewHead(turn.disk.disk(), String.valueOf(turn.next.getFileName())))
              .toList());
    } catch (RefusedByMonitorException e) {
      LOG.warn("Sandbox {} is not saved: {}", sandbox, e.getMessage());
      return false;
    }
    for (Turn turn : turns) {
      if (turn.disk.volume().isEmpty()) {
        turn.disk.switchedTo(turn.next, kept.resolve(turn.names.getFirst()));
      }
    }
    return true;
  }

  private void finish(CheckpointDraft draft, List<Turn> turns) throws IOException {
    for (Turn turn : turns) {
      if (turn.disk.volume().isEmpty()) {
        store.freeze(draft.directory().resolve(turn.names.getFirst()));
      }
    }
  }

  /** Another name for a file that does not change; where there can be none, a copy. */
  private void link(Path file, Path link) throws IOException {
    try {
      Files.createLink(link, file);
    } catch (UnsupportedOperationException | FileSystemException e) {
      store.copySparse(file, link);
    }
  }

  /** Gives up what was kept; the machine must be gone. */
  @Override
  public void close() throws IOException {
    FileTree.delete(kept);
  }

  /** Every machine may read what nobody changes any more, whatever the umask; the disk has it. */
  private static void force(Path directory) throws IOException {
    try (var files = Files.list(directory)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        Files.setAttribute(file, "unix:mode", 0444);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
          channel.force(true);
        }
      }
    }
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }
}
