package dev.belljar.engine.volumes;

import dev.belljar.StorageException;
import dev.belljar.engine.volumes.Catalog.Disk;
import dev.belljar.engine.volumes.Catalog.Layer;
import dev.belljar.engine.volumes.Catalog.SavedMachine;
import dev.belljar.engine.volumes.DataReport.CheckedDisk;
import dev.belljar.engine.volumes.DataReport.Damage;
import dev.belljar.engine.volumes.Leases.Lease;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * Looks through a storage directory: whether its catalog is whole, every layer is there and whole,
 * and nothing lies around. Also while processes use it: what they have open is left out. Removes
 * what nothing refers to, unless the catalog is damaged: then nobody knows what is needed.
 */
public final class DataCheck {
  private static final String HOLDER = "a check";

  /** What no other directory called storage has; the lock is there as soon as one was opened. */
  private static final List<String> PARTS = List.of("lock", "catalog.json", "layers", "leases");

  private final StoreDirectory store;
  private final Consumer<String> progress;

  private final LookedLayers looked;

  private DataCheck(StoreDirectory store, Consumer<String> progress) {
    this.store = store;
    looked = new LookedLayers(store);
    this.progress = progress;
  }

  /** Whether a store was opened there before, or what is left of one is there. */
  public static boolean isStorage(Path directory) {
    return PARTS.stream().map(directory::resolve).anyMatch(Files::exists);
  }

  /**
   * Checks a directory; may take minutes.
   *
   * @param progress is told which disk is looked at
   * @throws IOException where it cannot be read at all
   * @throws StorageException where the host's disk fails meanwhile
   */
  public static DataReport run(
      Path directory, DiskTools tools, InstantSource clock, Consumer<String> progress)
      throws IOException {
    if (!Files.isDirectory(directory)) {
      return new DataReport(directory, List.of(), List.of(), 0, List.of(), 0);
    }
    try (StoreDirectory store = StoreDirectory.openAsItIs(directory, tools, clock)) {
      return new DataCheck(store, progress).report();
    }
  }

  /** What is known before disks are looked at. */
  private record Beginning(
      List<Damage> damage,
      List<Disk> disks,
      List<SavedMachine> checkpoints,
      List<String> removed,
      int deadLeases) {}

  private DataReport report() {
    Beginning beginning = store.locked(this::begin);
    List<CheckedDisk> disks = new ArrayList<>();
    for (Disk disk : beginning.disks) {
      progress.accept("Checking " + disk.slug());
      check(disk).ifPresent(disks::add);
    }
    List<Damage> damage = new ArrayList<>(beginning.damage);
    for (SavedMachine one : beginning.checkpoints) {
      progress.accept("Checking " + one.slug());
      damage.addAll(new CheckpointCheck(store, looked, one).run());
    }
    List<String> layers = store.locked(() -> files("layers"));
    long bytes =
        store.withoutLock(
            () ->
                LayerFiles.allocated(layers.stream().map(store.directory::resolve).toList())
                    .values()
                    .stream()
                    .mapToLong(Long::longValue)
                    .sum());
    return new DataReport(
        store.directory, damage, disks, bytes, beginning.removed, beginning.deadLeases);
  }

  private Beginning begin() throws IOException {
    int leases = leases();
    store.leases.all();
    int dead = leases - leases();
    Catalog catalog;
    try {
      catalog = store.file.read();
    } catch (IOException e) {
      return new Beginning(
          List.of(
              new Damage(
                  "The catalog cannot be read: " + e.getMessage(),
                  "Put the whole directory back from a backup, while nothing uses it. Nothing was"
                      + " removed.")),
          List.of(),
          List.of(),
          List.of(),
          dead);
    }
    List<Disk> disks =
        Stream.concat(catalog.volumes().stream(), catalog.snapshots().stream()).toList();
    CatalogCheck.Found found = CatalogCheck.of(catalog);
    if (!found.damage().isEmpty()) {
      return new Beginning(
          found.damage(), found.named() ? disks : List.of(), List.of(), List.of(), dead);
    }
    TreeSet<String> removed = new TreeSet<>(files("layers"));
    removed.addAll(files("images"));
    removed.addAll(files("checkpoints"));
    store.collect();
    removed.removeAll(files("layers"));
    removed.removeAll(files("images"));
    removed.removeAll(files("checkpoints"));
    List<SavedMachine> checkpoints =
        catalog.checkpoints().stream().filter(SavedMachine::isThere).toList();
    return new Beginning(List.of(), disks, checkpoints, List.copyOf(removed), dead);
  }

  private int leases() throws IOException {
    return (int) files("leases").stream().filter(file -> file.endsWith(Leases.LOCK_SUFFIX)).count();
  }

  /** All files in a part of the directory, relative to the directory. */
  private List<String> files(String part) throws IOException {
    Path below = store.directory.resolve(part);
    if (!Files.isDirectory(below)) {
      return List.of();
    }
    try (Stream<Path> all = Files.walk(below)) {
      return all.filter(file -> !Files.isDirectory(file, LinkOption.NOFOLLOW_LINKS))
          .map(file -> store.directory.relativize(file).toString())
          .toList();
    }
  }

  /**
   * A disk that nobody may open while it is looked at.
   *
   * @param unused those of its layers that may be looked at
   */
  private record Held(
      Disk disk,
      List<Layer> chain,
      List<Layer> unused,
      Optional<String> holder,
      List<Damage> damage,
      Path lease) {}

  private Optional<CheckedDisk> check(Disk listed) {
    Optional<Held> found = store.locked(() -> hold(listed));
    if (found.isEmpty()) {
      return Optional.empty();
    }
    Held held = found.get();
    try {
      return Optional.of(check(held));
    } finally {
      store.locked(
          () -> {
            store.leases.release(held.lease);
            return held;
          });
    }
  }

  /** Empty where it was removed meanwhile. */
  private Optional<Held> hold(Disk listed) throws IOException {
    Catalog catalog = store.file.read();
    Optional<Disk> there =
        Stream.concat(catalog.volumes().stream(), catalog.snapshots().stream())
            .filter(disk -> disk.id().equals(listed.id()))
            .findFirst();
    if (there.isEmpty()) {
      return Optional.empty();
    }
    Disk disk = there.get();
    List<Layer> chain = catalog.chain(disk.top());
    List<Lease> leases = store.leases.all();
    Optional<String> holder =
        leases.stream()
            .filter(lease -> lease.disk().equals(disk.id()))
            .map(Lease::holder)
            .findFirst();
    List<Layer> unused = new ArrayList<>();
    List<Damage> damage = new ArrayList<>();
    for (Layer layer : chain) {
      if (looked.isUsed(layer, leases)) {
        continue;
      }
      try {
        store.layers.check(layer, disk.bytes(), layer.id().equals(disk.top()));
        unused.add(layer);
      } catch (StorageException e) {
        damage.add(damaged(catalog, disk, Objects.toString(e.getMessage())));
      }
    }
    if (chain.isEmpty() || chain.getLast().parent().isPresent()) {
      damage.add(damaged(catalog, disk, "The catalog lacks layers of it."));
    }
    if (disk.image().filter(hash -> !isKept(hash)).isPresent()) {
      damage.add(
          new Damage(
              "The image %s, which it lies above, is missing.".formatted(disk.image().get()),
              "Put images/%s/%s back from a backup; nothing but it is missing."
                  .formatted(disk.image().get(), BootImage.NAME)));
    }
    boolean partly = unused.size() + damage.size() < chain.size();
    Path lease =
        store.leases.add(new Lease(disk.id(), HOLDER, unused.stream().map(Layer::id).toList()));
    return Optional.of(
        new Held(
            disk,
            chain,
            unused,
            holder.or(() -> partly ? Optional.of("a sandbox") : Optional.empty()),
            damage,
            lease));
  }

  private boolean isKept(String hash) {
    return Files.isRegularFile(
        store.images.directoryOf(hash).resolve(BootImage.NAME), LinkOption.NOFOLLOW_LINKS);
  }

  private CheckedDisk check(Held held) {
    List<Damage> damage = new ArrayList<>(held.damage);
    Disk disk = held.disk;
    long leaked = 0;
    for (Layer layer : held.unused) {
      try {
        Optional<Damage> head = ofHead(disk, layer);
        if (head.isPresent()) {
          damage.add(head.get());
          continue;
        }
        LayerCheck found = looked.look(layer);
        leaked += found.leaked();
        if (found.damage().isPresent()) {
          String what = "Layer %s is damaged (%s).".formatted(layer.id(), found.damage().get());
          damage.add(store.locked(() -> damaged(store.file.read(), disk, what)));
        }
      } catch (IOException e) {
        damage.add(
            new Damage(
                "Layer %s could not be looked at: %s".formatted(layer.id(), e.getMessage()),
                "Run 'belljar doctor', then check again."));
      }
    }
    return new CheckedDisk(
        disk.id().startsWith("snp"),
        disk.id(),
        disk.slug(),
        disk.owner(),
        !disk.isThere(),
        held.chain.size(),
        leaked,
        held.holder,
        damage);
  }

  /** What only a head may not be. */
  private Optional<Damage> ofHead(Disk disk, Layer layer) throws IOException {
    if (!disk.id().startsWith("vol") || !layer.id().equals(disk.top())) {
      return Optional.empty();
    }
    try {
      store.layers.checkHead(layer, disk.bytes());
      return Optional.empty();
    } catch (StorageException e) {
      String what = Objects.toString(e.getMessage());
      return Optional.of(store.locked(() -> damaged(store.file.read(), disk, what)));
    }
  }

  /** What to do depends on what else there is of the disk. */
  private static Damage damaged(Catalog catalog, Disk disk, String what) {
    boolean snapshot = catalog.snapshots().stream().anyMatch(one -> one.id().equals(disk.id()));
    String kind = snapshot ? "snapshots" : "volumes";
    if (!disk.isThere()) {
      return new Damage(what, "It is deleted already; nothing is to be done.");
    }
    return new Damage(
        what,
        "Take it from an export ('belljar data import FILE --name NEW') or make a volume from a"
            + " snapshot that is fine, then 'belljar "
            + kind
            + " delete "
            + disk.slug()
            + "'.");
  }
}
