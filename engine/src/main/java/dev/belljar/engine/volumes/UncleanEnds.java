package dev.belljar.engine.volumes;

import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.engine.volumes.Catalog.Disk;
import dev.belljar.engine.volumes.Catalog.Layer;
import dev.belljar.engine.volumes.Leases.Lease;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Volumes whose machine was killed at any instant, with its process or alone. What the machine
 * wrote to is looked at before another machine gets it. A file for each, which is there until that
 * was done and all was well, and names layers; all under the store's lock.
 */
final class UncleanEnds {
  private static final String VOLUME = "vol_";

  /** Whoever wants the volume waits meanwhile. */
  private static final Duration LONGEST = Duration.ofSeconds(20);

  private final Path directory;

  UncleanEnds(Path directory) {
    this.directory = directory;
  }

  /** The process that had it is dead. */
  void note(Lease lease) throws IOException {
    note(lease.disk(), List.of());
  }

  /**
   * A machine that had it ended by itself, or was killed alone. What it wrote to is noted: giving
   * the volume back moves its head out of the directory that tells.
   */
  void note(Catalog catalog, String disk) throws IOException {
    note(
        disk,
        catalog.volumes().stream()
            .filter(volume -> volume.id().equals(disk))
            .flatMap(volume -> written(catalog, volume).stream())
            .toList());
  }

  private void note(String disk, List<String> layers) throws IOException {
    if (disk.startsWith(VOLUME)) {
      Files.createDirectories(directory);
      Files.write(
          directory.resolve(disk), layers, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }
  }

  /**
   * Looks at what was written to, where the last end was unclean; quick where it was not. Without
   * the store's lock: it may take 20 s for each layer. Whoever asks has a lease of the volume.
   *
   * @param catalog as that end left it
   * @return whether there was something to look at, and it is whole
   * @throws StorageException where it is damaged; it is looked at again the next time
   */
  boolean look(StoreDirectory store, Catalog catalog, Disk volume) throws IOException {
    if (!Files.exists(directory.resolve(volume.id()))) {
      return false;
    }
    Set<String> written = new HashSet<>(Files.readAllLines(directory.resolve(volume.id())));
    written.addAll(written(catalog, volume));
    for (Layer layer : catalog.chain(volume.top())) {
      if (!written.contains(layer.id())) {
        continue;
      }
      LayerCheck seen = LayerCheck.of(store.tools.confined(), store.layers.fileOf(layer), LONGEST);
      if (seen.damage().isPresent()) {
        throw new StorageException(
            Reason.DAMAGED,
            "Volume '%s' is damaged since its last sandbox was killed (%s). 'belljar data check' tells what to do."
                .formatted(volume.slug(), seen.damage().get()));
      }
    }
    return true;
  }

  /** It was looked at, and all was well. */
  void forget(Disk volume) throws IOException {
    Files.deleteIfExists(directory.resolve(volume.id()));
  }

  /** What the machine could write to is in one directory with its head. */
  private static List<String> written(Catalog catalog, Disk volume) {
    List<Layer> chain = catalog.chain(volume.top());
    return chain.stream()
        .filter(layer -> layer.directory().equals(chain.getFirst().directory()))
        .map(Layer::id)
        .toList();
  }

  /** Forgets volumes that are gone. */
  void keepOnly(Set<String> volumes) throws IOException {
    if (!Files.isDirectory(directory)) {
      return;
    }
    try (DirectoryStream<Path> all = Files.newDirectoryStream(directory)) {
      for (Path file : all) {
        if (!volumes.contains(String.valueOf(file.getFileName()))) {
          Files.deleteIfExists(file);
        }
      }
    }
  }
}
