package dev.belljar.engine.volumes;

import dev.belljar.engine.volumes.Catalog.Disk;
import dev.belljar.engine.volumes.Catalog.Layer;
import dev.belljar.engine.volumes.Leases.Lease;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Which layers are worth merging, in one state of the catalog: those that nothing but the layer
 * above needs, and all below a certain one where a chain is long.
 */
final class MergePlan {
  /** A longer chain is cut. */
  static final int DEEP = 16;

  /** What is left of it above the cut, where no machine writes to more. */
  static final int LEFT_ABOVE = 8;

  /** Bytes that are copied without asking whether it pays. */
  private static final long SMALL = 64L << 20;

  private final Layers layers;
  private final ToLongFunction<Layer> size;

  /** Disks that somebody may open; one that is deleted and that a sandbox runs from is not. */
  private final List<Disk> disks;

  private final Set<String> tops = new HashSet<>();
  private final Map<String, Integer> children = new HashMap<>();
  private final Set<String> written = new HashSet<>();

  /**
   * Of that state.
   *
   * @param size the bytes that a layer takes on the host
   */
  MergePlan(Catalog catalog, List<Lease> leases, ToLongFunction<Layer> size) {
    this.size = size;
    layers = catalog.layers();
    disks =
        Stream.concat(
                catalog.volumes().stream(), catalog.snapshots().stream().filter(Disk::isThere))
            .toList();
    Set<String> needed = new HashSet<>();
    disks.forEach(disk -> addTop(disk.top(), needed));
    catalog.checkpoints().stream()
        .flatMap(one -> one.disks().tops())
        .forEach(top -> addTop(top, needed));
    Map<String, List<Lease>> uses = leases.stream().collect(Collectors.groupingBy(Lease::disk));
    for (Disk volume : catalog.volumes()) {
      written.add(volume.top());
      uses.getOrDefault(volume.id(), List.of()).forEach(lease -> addWritten(volume, lease));
    }
  }

  /** False where nothing can be merged, whatever is in use; quick. */
  static boolean mayHaveWork(Catalog catalog) {
    MergePlan plan = new MergePlan(catalog, List.of(), layer -> 0);
    return catalog.layers().stream().anyMatch(plan::isInterior)
        || plan.disks.stream().anyMatch(disk -> plan.layers.chain(disk.top()).size() > DEEP);
  }

  private void addTop(String top, Set<String> needed) {
    tops.add(top);
    for (Layer layer : layers.chain(top)) {
      if (!needed.add(layer.id())) {
        return; // So were those below.
      }
      layer.parent().ifPresent(parent -> children.merge(parent, 1, Integer::sum));
    }
  }

  /** A machine can write to the head that it was given, and to all that was made above it. */
  private void addWritten(Disk volume, Lease lease) {
    for (Layer layer : layers.chain(volume.top())) {
      written.add(layer.id());
      if (lease.layers().contains(layer.id())) {
        return;
      }
    }
  }

  /**
   * Layers to be merged.
   *
   * @param owner whose they are
   * @param chain from the one that is replaced down to the lowest
   * @param copied how many of them the new layer is to hold
   * @param most bytes that each of them may be large, as the guest sees it
   */
  record Merge(String owner, List<Layer> chain, int copied, long most) {
    Layer replaced() {
      return chain.getFirst();
    }

    /** The layer that the new one lies above. */
    Optional<String> parent() {
      return chain.get(copied - 1).parent();
    }

    List<Layer> toCopy() {
      return chain.subList(0, copied);
    }
  }

  /**
   * What to merge first. What could only be restored is not worth it.
   *
   * @param wanted whose chains are looked at
   * @param spared layers that are not to be replaced
   * @param turn when an owner is looked at: those with lower numbers come first
   */
  Optional<Merge> next(Predicate<Disk> wanted, Set<String> spared, ToLongFunction<String> turn) {
    Predicate<Layer> replaceable =
        layer -> !written.contains(layer.id()) && !spared.contains(layer.id());
    List<Disk> whole =
        disks.stream().filter(Disk::isThere).filter(wanted).filter(this::isWhole).toList();
    return whole.stream()
        .map(Disk::owner)
        .distinct()
        .sorted(Comparator.comparingLong(turn))
        .flatMap(owner -> ofOwner(whole, owner, replaceable))
        .findFirst();
  }

  private Stream<Merge> ofOwner(List<Disk> all, String owner, Predicate<Layer> replaceable) {
    List<Disk> disks = all.stream().filter(disk -> disk.owner().equals(owner)).toList();
    return Stream.concat(
        disks.stream().flatMap(disk -> run(disk, replaceable).stream()),
        disks.stream().flatMap(disk -> cut(disk, replaceable).stream()));
  }

  private boolean isWhole(Disk disk) {
    List<Layer> chain = layers.chain(disk.top());
    return !chain.isEmpty() && chain.getLast().parent().isEmpty();
  }

  /**
   * A layer and those directly below it that nothing else needs. A larger one waits until as much
   * has gathered above it, so that a byte is not copied again with every snapshot.
   */
  private Optional<Merge> run(Disk disk, Predicate<Layer> replaceable) {
    List<Layer> chain = layers.chain(disk.top());
    for (int from = 0; from < chain.size(); from++) {
      if (!replaceable.test(chain.get(from))) {
        continue;
      }
      long bytes = size.applyAsLong(chain.get(from));
      int to = from + 1;
      while (to < chain.size()
          && isInterior(chain.get(to))
          && size.applyAsLong(chain.get(to)) <= Math.max(SMALL, bytes)) {
        bytes += size.applyAsLong(chain.get(to));
        to++;
      }
      if (to > from + 1) {
        return Optional.of(
            new Merge(disk.owner(), chain.subList(from, chain.size()), to - from, disk.bytes()));
      }
    }
    return Optional.empty();
  }

  private boolean isInterior(Layer layer) {
    return !tops.contains(layer.id())
        && !written.contains(layer.id())
        && children.getOrDefault(layer.id(), 0) == 1;
  }

  /** All of a long chain but what is uppermost. */
  private Optional<Merge> cut(Disk disk, Predicate<Layer> replaceable) {
    List<Layer> chain = layers.chain(disk.top());
    if (chain.size() <= DEEP) {
      return Optional.empty();
    }
    for (int from = LEFT_ABOVE; from < chain.size() - 1; from++) {
      if (replaceable.test(chain.get(from))) {
        return Optional.of(
            new Merge(
                disk.owner(),
                chain.subList(from, chain.size()),
                chain.size() - from,
                disk.bytes()));
      }
    }
    return Optional.empty();
  }
}
