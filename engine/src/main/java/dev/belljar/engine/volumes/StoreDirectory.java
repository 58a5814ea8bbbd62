package dev.belljar.engine.volumes;

import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.engine.storage.BuildLock;
import dev.belljar.engine.storage.Directories;
import dev.belljar.engine.storage.Uninterrupted;
import dev.belljar.engine.volumes.Catalog.Disk;
import dev.belljar.engine.volumes.Catalog.Layer;
import dev.belljar.engine.volumes.Leases.Lease;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a storage directory holds, and the lock under which it is changed. Every change is one new
 * catalog; what no catalog refers to is removed.
 */
final class StoreDirectory implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(StoreDirectory.class);

  /**
   * All that is done under the lock takes seconds at most. Who stands still with it is waited for:
   * that a machine was killed must be noted, whenever that is.
   */
  private static final Duration LONGEST_WAIT = Duration.ofDays(1);

  private static final String REGION = "loc";
  private static final String ALPHABET = "0123456789abcdefghjkmnpqrstuvwxyz";
  private static final int ID_LENGTH = 20;
  private static final String CHECKPOINTS = "checkpoints";
  private static final int LOOKED_AGAIN = 3;

  final Path directory;
  final CatalogFile file;
  final LayerFiles layers;
  private final LayerSweep sweep;
  final KeptImages images;
  final Leases leases;
  final UncleanEnds ends;
  final GracePeriod grace;
  final Quotas quotas = new Quotas();
  final DiskTools tools;
  final EmptyDisks empties;
  final InstantSource clock;
  private final SecureRandom random = new SecureRandom();

  private StoreDirectory(
      Path directory, DiskTools tools, InstantSource clock, Leases leases, UncleanEnds ends) {
    this.directory = directory;
    this.tools = tools;
    empties = new EmptyDisks(tools);
    this.clock = clock;
    this.leases = leases;
    this.ends = ends;
    grace = new GracePeriod(directory);
    file = new CatalogFile(directory);
    layers = new LayerFiles(directory.resolve("layers"));
    sweep = new LayerSweep(layers);
    images = new KeptImages(directory.resolve("images"));
  }

  /**
   * Opens a directory, made if it is not there, and removes what nothing refers to.
   *
   * @param grace how long deleted volumes are kept from now on; empty for as long as before
   */
  static StoreDirectory open(
      Path directory, DiskTools tools, InstantSource clock, Optional<Duration> grace)
      throws IOException {
    StoreDirectory store = openAsItIs(directory, tools, clock);
    try (BuildLock lock = lock(store.directory)) {
      store.file.makeIfNew();
      store.grace.set(grace);
      store.collect();
      return store;
    } catch (IOException | RuntimeException e) {
      store.close();
      throw e;
    }
  }

  /** Opens a directory, made if it is not there, and removes nothing. */
  static StoreDirectory openAsItIs(Path spelled, DiskTools tools, InstantSource clock)
      throws IOException {
    Directories.makeOwnerOnly(spelled);
    // It stays this one, whatever becomes of a link or of the working directory.
    Path directory = spelled.toRealPath();
    try (BuildLock lock = lock(directory)) {
      UncleanEnds ends = new UncleanEnds(directory.resolve("unclean"));
      Leases leases = Leases.open(directory.resolve("leases"), ends);
      return new StoreDirectory(directory, tools, clock, leases, ends);
    }
  }

  private static BuildLock lock(Path directory) throws IOException {
    return BuildLock.acquire(directory.resolve("lock"), LONGEST_WAIT);
  }

  /** Something done under the lock. */
  interface Work<T> {
    T run() throws IOException;
  }

  /**
   * One at a time, of all processes, and to its end, whether interrupted or not; failures become
   * what users see.
   */
  <T> T locked(Work<T> work) {
    return Uninterrupted.run(
        "storage",
        () ->
            onDisk(
                () -> {
                  try (BuildLock lock = lock(directory)) {
                    return work.run();
                  }
                }));
  }

  /**
   * Something that takes long, which nobody else waits for, to its end, whether interrupted or not;
   * failures become what users see. A lease keeps what it makes and what it looks at.
   */
  <T> T withoutLock(Work<T> work) {
    return Uninterrupted.run("storage", () -> onDisk(work));
  }

  /** As above, on this thread, which an interrupt cuts off. */
  <T> T onDisk(Work<T> work) {
    try {
      return work.run();
    } catch (IOException e) {
      // Whoever asked may be elsewhere, and is not told what this host's disk looks like.
      LOG.warn("The storage in {} cannot be used", directory, e);
      throw fullDisk(e)
          .orElseGet(
              () ->
                  new StorageException(
                      Reason.DAMAGED, "The host's storage cannot be used; its log tells why.", e));
    }
  }

  /** That failure, where it is one of a disk without room. */
  static Optional<StorageException> fullDisk(IOException failure) {
    String said = failure.toString();
    return said.contains("No space left") || said.contains("quota")
        ? Optional.of(
            new StorageException(Reason.FULL, "The host's disk is full. Make room there.", failure))
        : Optional.empty();
  }

  /** Removes what nothing refers to any more, wherever it may be; under the lock. */
  void collectAll() throws IOException {
    sweep.forget();
    collect();
  }

  /**
   * Removes what nothing refers to any more, where this process or one that died may have left
   * something since it last looked; under the lock.
   */
  void collect() throws IOException {
    Catalog catalog = file.read();
    if (!catalog.isWhole()) {
      LOG.warn(
          "The catalog in {} lacks layers, so nothing is removed there. 'belljar data check' tells more.",
          directory);
      return;
    }
    List<Lease> uses = leases.all();
    if (leases.foundDead()) {
      sweep.forget();
    }
    Set<String> usedDisks = new HashSet<>();
    Set<String> openLayers = new HashSet<>();
    uses.forEach(
        lease -> {
          usedDisks.add(lease.disk());
          openLayers.addAll(lease.layers());
        });
    Instant oldest = clock.instant().minus(grace.get());
    Catalog changed =
        catalog.withOnly(
            volume -> volume.deleted().filter(oldest::isAfter).isEmpty(),
            snapshot -> snapshot.isThere() || usedDisks.contains(snapshot.id()),
            one -> one.isThere() || usedDisks.contains(one.id()));
    Set<String> needed = changed.used();
    needed.addAll(openLayers);
    changed =
        changed.withLayers(
            changed.layers().stream().filter(layer -> needed.contains(layer.id())).toList());
    if (!changed.equals(catalog)) {
      file.write(changed);
    }
    sweep.keepOnly(changed, openLayers);
    changed.checkpoints().forEach(one -> usedDisks.add(one.id()));
    Checkpointing.keepOnly(directory.resolve(CHECKPOINTS), usedDisks);
    // What is being saved is not in the catalog yet.
    Set<String> images = changed.images();
    images.addAll(openLayers);
    this.images.keepOnly(images);
    ends.keepOnly(changed.volumes().stream().map(Disk::id).collect(Collectors.toSet()));
  }

  /** Gives up what something that failed has used, and removes it. The failure is what counts. */
  void giveUp(Path lease, RuntimeException failure) {
    try {
      giveUp(lease);
    } catch (RuntimeException e) {
      failure.addSuppressed(e);
    }
  }

  /** Gives up what was used until now, and removes what nothing else refers to. */
  void giveUp(Path lease) {
    locked(
        () -> {
          leases.release(lease);
          collect();
          return lease;
        });
  }

  /**
   * Gives a head that was made while a machine had the volume a directory of its own, and takes it
   * back from the user that the machine ran as; under the lock. What the machine wrote to before is
   * waited for: it may have ended between the commit of the head and the switch to it. One that is
   * missing is said where it is opened.
   */
  Catalog settled(Catalog catalog, Disk volume) throws IOException {
    Layer head = catalog.layer(volume.top()).orElseThrow();
    if (layers.isMissing(head)) {
      return catalog;
    }
    layers.takeBack(head);
    if (head.directory().equals(head.id())) {
      return catalog;
    }
    for (Layer layer : catalog.chain(volume.top())) {
      if (layer.directory().equals(head.directory())
          && !layer.equals(head)
          && layers.isWritable(layer)) {
        layers.awaitFree(layer);
      }
    }
    Layer moved = head.in(head.id());
    layers.link(head, moved);
    FaultPoint.HEAD_LINKED.reached();
    Catalog changed = catalog.with(moved);
    file.write(changed);
    FaultPoint.HEAD_MOVED.reached();
    Files.deleteIfExists(layers.fileOf(head));
    return changed;
  }

  /** Where the files of a checkpoint are. */
  Path checkpointDirectory(String id) {
    return directory.resolve(CHECKPOINTS).resolve(id);
  }

  /** What users see of what there is. */
  interface Look<T> {
    T of(Catalog catalog, Descriptions described) throws IOException;
  }

  private record Seen(Catalog catalog, List<Lease> leases) {}

  /** Looks at what an owner has, as it is at one instant; sizes are found out without the lock. */
  <T> T look(String owner, Look<T> look) {
    return withoutLock(
        () -> {
          Seen seen = locked(() -> new Seen(file.read(), leases.all()));
          Descriptions described = described(seen, owner);
          // Layers may have been merged since, into one that holds the same.
          for (int i = 0; i < LOOKED_AGAIN && described.lacksSizes(); i++) {
            Seen again = locked(() -> new Seen(file.read(), leases.all()));
            if (again.catalog.equals(seen.catalog)) {
              break;
            }
            seen = again;
            described = described(seen, owner);
          }
          return look.of(seen.catalog, described);
        });
  }

  private Descriptions described(Seen seen, String owner) throws IOException {
    return new Descriptions(seen.catalog, owner, layers, images, seen.leases);
  }

  /** A layer that is not there yet. */
  Layer newLayer(Optional<String> parent) {
    String id = randomText(ID_LENGTH);
    return new Layer(id, id, parent);
  }

  /** For a volume, a snapshot, and so on. */
  String newId(String kind) {
    return kind + "_" + REGION + "_" + randomText(ID_LENGTH);
  }

  private String randomText(int length) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < length; i++) {
      text.append(ALPHABET.charAt(random.nextInt(ALPHABET.length())));
    }
    return text.toString();
  }

  static String region() {
    return REGION;
  }

  /** Gives up what this process uses. */
  @Override
  public void close() throws IOException {
    if (!Files.isDirectory(directory)) {
      // Whoever removed it, as tests do, removed what others could look at.
      leases.close();
      return;
    }
    try (BuildLock lock = lock(directory)) {
      leases.close();
    }
  }
}
