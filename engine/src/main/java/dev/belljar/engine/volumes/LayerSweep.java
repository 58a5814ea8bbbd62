package dev.belljar.engine.volumes;

import dev.belljar.engine.volumes.Catalog.Disk;
import dev.belljar.engine.volumes.Catalog.Layer;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Removes files that are no layers of the catalog, and freezes what lies below heads. Remembers
 * what it has found in order, so that a sweep takes one look at the list of directories and goes
 * into those alone that changed; all under the store's lock.
 */
final class LayerSweep {
  private final LayerFiles files;

  /** Directories that held nothing but these layers. */
  private final Map<String, Set<String>> swept = new HashMap<>();

  private final Set<String> frozen = new HashSet<>();

  LayerSweep(LayerFiles files) {
    this.files = files;
  }

  /** From now on everything is looked at again: somebody else may have left something anywhere. */
  void forget() {
    swept.clear();
    frozen.clear();
  }

  /**
   * Removes every file but those of the catalog's layers, and directories that are empty then. What
   * a store never makes there is left alone: links, and directories within those of layers.
   *
   * @param open layers that are kept as well, for whoever makes them
   */
  void keepOnly(Catalog catalog, Set<String> open) throws IOException {
    if (Files.isDirectory(files.directory())) {
      sweep(catalog, open);
    }
    freezeWhatIsBelowHeads(catalog);
  }

  private void sweep(Catalog catalog, Set<String> open) throws IOException {
    Map<String, String> begun = Map.copyOf(files.begun());
    Set<String> unsure = new HashSet<>(begun.values());
    Map<String, Set<String>> layers =
        catalog.layers().stream()
            .collect(
                Collectors.groupingBy(
                    Layer::directory, Collectors.mapping(Layer::id, Collectors.toSet())));
    swept.keySet().retainAll(layers.keySet());
    try (DirectoryStream<Path> all = Files.newDirectoryStream(files.directory())) {
      for (Path below : all) {
        String name = String.valueOf(below.getFileName());
        Set<String> kept = layers.getOrDefault(name, Set.of());
        if (!unsure.contains(name) && kept.equals(swept.get(name))) {
          continue;
        }
        swept.remove(name);
        if (Files.isDirectory(below, LinkOption.NOFOLLOW_LINKS)) {
          if (sweep(below, kept, open) && !kept.isEmpty()) {
            swept.put(name, kept);
          }
        } else if (Files.isRegularFile(below, LinkOption.NOFOLLOW_LINKS)) {
          Files.deleteIfExists(below);
        }
      }
    }
    // What somebody still makes may be there by the next time.
    begun.keySet().stream().filter(id -> !open.contains(id)).forEach(files.begun()::remove);
  }

  /** Whether nothing is left in it but these layers. */
  private static boolean sweep(Path below, Set<String> kept, Set<String> open) throws IOException {
    boolean clean = true;
    // Somebody is about to make a file in it.
    boolean empty = !open.contains(String.valueOf(below.getFileName()));
    Set<String> names =
        kept.stream().map(LayerFiles::nameOf).collect(Collectors.toCollection(HashSet::new));
    try (DirectoryStream<Path> all = Files.newDirectoryStream(below)) {
      for (Path file : all) {
        String name = String.valueOf(file.getFileName());
        if (names.contains(name)) {
          empty = false;
        } else if (open.contains(LayerFiles.idOf(file))
            || Files.isDirectory(file, LinkOption.NOFOLLOW_LINKS)) {
          empty = false;
          clean = false;
        } else {
          Files.deleteIfExists(file);
          FaultPoint.FILE_REMOVED.reached();
        }
      }
    }
    if (empty) {
      Files.deleteIfExists(below);
    }
    return clean;
  }

  /**
   * Whoever made something a head's lower layer may have ended before it was frozen: other machines
   * could not read it.
   */
  private void freezeWhatIsBelowHeads(Catalog catalog) throws IOException {
    Set<String> heads = catalog.volumes().stream().map(Disk::top).collect(Collectors.toSet());
    frozen.removeIf(id -> heads.contains(id) || catalog.layer(id).isEmpty());
    for (Layer layer : catalog.layers()) {
      if (heads.contains(layer.id()) || frozen.contains(layer.id()) || files.isMissing(layer)) {
        continue;
      }
      if (!files.isFrozen(layer)) {
        files.freeze(layer);
      }
      frozen.add(layer.id());
    }
  }
}
