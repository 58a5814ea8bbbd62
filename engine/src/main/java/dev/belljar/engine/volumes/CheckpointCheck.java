package dev.belljar.engine.volumes;

import dev.belljar.StorageException;
import dev.belljar.engine.volumes.Catalog.Layer;
import dev.belljar.engine.volumes.Catalog.SavedMachine;
import dev.belljar.engine.volumes.DataReport.Damage;
import dev.belljar.engine.volumes.Leases.Lease;
import dev.belljar.engine.volumes.SavedDisks.SavedDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** Looks at the files of a checkpoint and the layers below them, which are kept meanwhile. */
final class CheckpointCheck {
  private static final String HOLDER = "a check";

  private final StoreDirectory store;
  private final LookedLayers looked;
  private final SavedMachine checkpoint;
  private final List<Damage> damage = new ArrayList<>();

  CheckpointCheck(StoreDirectory store, LookedLayers looked, SavedMachine checkpoint) {
    this.store = store;
    this.looked = looked;
    this.checkpoint = checkpoint;
  }

  /** What is wrong; nothing where it was deleted meanwhile. */
  List<Damage> run() {
    Optional<Held> held = store.locked(this::hold);
    if (held.isEmpty()) {
      return List.of();
    }
    try {
      look();
      for (Layer layer : held.get().unused) {
        looked
            .look(layer)
            .damage()
            .ifPresent(how -> wrong("layer %s is damaged (%s)".formatted(layer.id(), how)));
      }
    } catch (IOException e) {
      damage.add(
          new Damage(
              "Checkpoint '%s' could not be looked at: %s"
                  .formatted(checkpoint.slug(), e.getMessage()),
              "Run 'belljar doctor', then check again."));
    } finally {
      store.locked(
          () -> {
            store.leases.release(held.get().lease);
            store.collect();
            return held;
          });
    }
    return damage;
  }

  /**
   * What is kept while it is looked at.
   *
   * @param unused those layers below it that may be looked at
   */
  private record Held(Collection<Layer> unused, Path lease) {}

  private Optional<Held> hold() throws IOException {
    Catalog catalog = store.file.read();
    // Merging may have put another layer in the place of one since.
    Optional<SavedMachine> there =
        catalog.checkpoints().stream()
            .filter(one -> one.isThere() && one.id().equals(checkpoint.id()))
            .findFirst();
    if (there.isEmpty()) {
      return Optional.empty();
    }
    Map<String, Layer> unused = new LinkedHashMap<>();
    List<Lease> leases = store.leases.all();
    for (SavedDisk disk : there.get().disks().others()) {
      if (disk.top().isPresent()) {
        for (Layer layer : catalog.chain(disk.top().get())) {
          if (!looked.isUsed(layer, leases) && isSound(layer, disk)) {
            unused.put(layer.id(), layer);
          }
        }
      }
    }
    Path lease = store.leases.add(new Lease(checkpoint.id(), HOLDER, List.copyOf(unused.keySet())));
    return Optional.of(new Held(unused.values(), lease));
  }

  private boolean isSound(Layer layer, SavedDisk disk) throws IOException {
    try {
      store.layers.check(layer, disk.bytes(), false);
      return true;
    } catch (StorageException e) {
      wrong(e);
      return false;
    }
  }

  private void look() throws IOException {
    Path directory = store.checkpointDirectory(checkpoint.id());
    Path memory = directory.resolve("memory");
    long bytes = (long) checkpoint.machine().memoryMebibytes() << 20;
    if (!isFile(memory) || Files.size(memory) != bytes) {
      wrong("its memory is missing, or of another size");
    }
    if (!isFile(directory.resolve("state"))) {
      wrong("the state of its devices is missing");
    }
    for (String image : new TreeSet<>(images())) {
      if (!isFile(store.images.directoryOf(image).resolve(BootImage.NAME))) {
        wrong("the image " + image + ", which it lies above, is missing");
      }
    }
    for (String name : checkpoint.disks().files().toList()) {
      Path file = directory.resolve(name);
      try {
        LayerFiles.check(file, Long.MAX_VALUE, false);
        LayerCheck.of(store.tools.confined(), file, LayerCheck.LONGEST)
            .damage()
            .ifPresent(how -> wrong(name + " is damaged (" + how + ")"));
      } catch (StorageException e) {
        wrong(e);
      }
    }
  }

  private Set<String> images() {
    return new TreeSet<>(checkpoint.disks().images().toList());
  }

  private static boolean isFile(Path file) {
    return Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS);
  }

  private void wrong(StorageException refusal) {
    String said = Objects.toString(refusal.getMessage());
    wrong(said.endsWith(".") ? said.substring(0, said.length() - 1) : said);
  }

  private void wrong(String what) {
    damage.add(
        new Damage(
            "Checkpoint '%s': %s.".formatted(checkpoint.slug(), what),
            "Delete it ('belljar checkpoints delete %s') and make it again."
                .formatted(checkpoint.slug())));
  }
}
