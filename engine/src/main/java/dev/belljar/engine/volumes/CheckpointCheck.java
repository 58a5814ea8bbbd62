package dev.belljar.engine.volumes;

import dev.belljar.StorageException;
import dev.belljar.engine.volumes.Catalog.SavedMachine;
import dev.belljar.engine.volumes.DataReport.Damage;
import dev.belljar.engine.volumes.Leases.Lease;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;

/** Looks at the files of a checkpoint, which is kept meanwhile. */
final class CheckpointCheck {
  private static final String HOLDER = "a check";

  private final StoreDirectory store;
  private final SavedMachine checkpoint;
  private final List<Damage> damage = new ArrayList<>();

  CheckpointCheck(StoreDirectory store, SavedMachine checkpoint) {
    this.store = store;
    this.checkpoint = checkpoint;
  }

  List<Damage> run() {
    Path lease =
        store.locked(() -> store.leases.add(new Lease(checkpoint.id(), HOLDER, List.of())));
    try {
      look();
    } catch (IOException e) {
      damage.add(
          new Damage(
              "Checkpoint '%s' could not be looked at: %s"
                  .formatted(checkpoint.slug(), e.getMessage()),
              "Run 'belljar doctor', then check again."));
    } finally {
      store.locked(
          () -> {
            store.leases.release(lease);
            store.collect();
            return lease;
          });
    }
    return damage;
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
        wrong(Objects.toString(e.getMessage()));
      }
    }
  }

  private Set<String> images() {
    return new TreeSet<>(checkpoint.disks().images().toList());
  }

  private static boolean isFile(Path file) {
    return Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS);
  }

  private void wrong(String what) {
    damage.add(
        new Damage(
            "Checkpoint '%s': %s.".formatted(checkpoint.slug(), what),
            "Delete it ('belljar checkpoints delete %s') and make it again."
                .formatted(checkpoint.slug())));
  }
}
