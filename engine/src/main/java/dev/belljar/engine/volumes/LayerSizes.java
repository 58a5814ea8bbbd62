package dev.belljar.engine.volumes;

import dev.belljar.engine.volumes.Catalog.Layer;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * How much layers hold together, each cluster of a disk counted once: where a layer above has it
 * too, or has discarded it, what is below does not count. An estimate, from the tables of files
 * that may be written to meanwhile.
 */
final class LayerSizes {
  /** Bytes of tables after which no more are read for one question: below a second. */
  private static final long MOST_READ = 256L << 20;

  /** What a small qcow2 file has beside tables of the second level and what they tell of. */
  private static final long HEADERS = 4L * ClusterTable.CLUSTER;

  /** What the largest has. */
  private static final long MOST_HEADERS = 1L << 20;

  private final LayerFiles files;
  private final Map<String, Long> allocated;
  private final boolean lacksSome;
  private long left = MOST_READ;

  /** Of these layers; asks the host once for what they take. */
  LayerSizes(LayerFiles files, Collection<Layer> layers) throws IOException {
    this.files = files;
    allocated =
        LayerFiles.allocated(
            layers.stream()
                .flatMap(layer -> Stream.of(files.fileOf(layer), files.settledFileOf(layer)))
                .distinct()
                .toList());
    lacksSome = layers.stream().anyMatch(layer -> !allocated.containsKey(LayerFiles.nameOf(layer)));
  }

  /** Whether files were not where they should be. */
  boolean lacksSome() {
    return lacksSome;
  }

  /**
   * Bytes that they would take as one layer of a disk of that size: no more than they take now, nor
   * than the disk and the tables that tell where it is.
   *
   * @param chain the uppermost first
   */
  long of(List<Layer> chain, long bytes) throws IOException {
    long sum =
        chain.stream()
            .mapToLong(layer -> allocated.getOrDefault(LayerFiles.nameOf(layer), 0L))
            .sum();
    long most = Math.min(sum, bytes + ClusterTable.cost(bytes) + MOST_HEADERS);
    if (chain.size() < 2 || left <= 0) {
      return most;
    }
    BitSet counted = new BitSet();
    BitSet decided = new BitSet();
    int tables = 0;
    for (Layer layer : chain) {
      Optional<ClusterTable> clusters = read(layer, bytes);
      if (clusters.isEmpty()) {
        return most;
      }
      left -= (long) clusters.get().tables() * ClusterTable.CLUSTER;
      BitSet held = clusters.get().held();
      BitSet hidden = clusters.get().hidden();
      held.andNot(decided);
      counted.or(held);
      decided.or(held);
      decided.or(hidden);
      tables = Math.max(tables, clusters.get().tables());
    }
    long once = ((long) counted.cardinality() + tables) * ClusterTable.CLUSTER + HEADERS;
    return Math.min(most, once);
  }

  private Optional<ClusterTable> read(Layer layer, long bytes) throws IOException {
    for (Path file : List.of(files.fileOf(layer), files.settledFileOf(layer))) {
      try {
        Optional<ClusterTable> found = ClusterTable.read(file, bytes);
        if (found.isPresent()) {
          return found;
        }
      } catch (NoSuchFileException e) {
        // It moved, or is gone: then what the host says is all there is.
      }
    }
    return Optional.empty();
  }
}
