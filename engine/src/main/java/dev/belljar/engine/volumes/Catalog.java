package dev.belljar.engine.volumes;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonSetter;
import com.fasterxml.jackson.annotation.Nulls;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * What there is, and what it consists of. A value: a change makes a new one, which takes the place
 * of the old one in one step ({@link CatalogFile}).
 *
 * @param layers files of disks, each above its parent
 * @param volumes also those that are deleted and can be restored
 * @param snapshots also those that are deleted and that a sandbox still runs from
 * @param checkpoints also those, and those that are still being made
 */
record Catalog(
    Layers layers,
    List<Disk> volumes,
    List<Disk> snapshots,
    @JsonSetter(nulls = Nulls.AS_EMPTY) List<SavedMachine> checkpoints) {
  static final Catalog EMPTY = new Catalog(List.of(), List.of(), List.of(), List.of());

  Catalog {
    layers = Layers.of(layers);
    volumes = List.copyOf(volumes);
    snapshots = List.copyOf(snapshots);
    checkpoints = List.copyOf(checkpoints);
  }

  Catalog(
      List<Layer> layers,
      List<Disk> volumes,
      List<Disk> snapshots,
      List<SavedMachine> checkpoints) {
    this(Layers.of(layers), volumes, snapshots, checkpoints);
  }

  /**
   * A qcow2 file. It holds what differs from the one below it.
   *
   * @param id its name
   * @param directory the directory that it is in; its own, unless a machine has the volume that it
   *     was made for
   * @param parent the layer below
   */
  record Layer(String id, String directory, Optional<String> parent) {
    Layer in(String other) {
      return new Layer(id, other, parent);
    }
  }

  /** What lists show. */
  interface Listed {
    String id();

    String owner();

    String slug();

    Instant created();

    boolean isThere();
  }

  /**
   * A volume or a snapshot.
   *
   * @param id its id
   * @param owner whose it is
   * @param slug its name
   * @param region where it was asked to be
   * @param capacity bytes that were asked for
   * @param created when it was made
   * @param top its uppermost layer: of a volume the one that is written to
   * @param image the hash of the image that its root lies above; empty where it is not bootable
   * @param origin the id of the snapshot that a volume was made from, or of the volume that a
   *     snapshot was made of
   * @param originSlug the slug that this had
   * @param deleted when it was deleted
   */
  record Disk(
      String id,
      String owner,
      String slug,
      String region,
      long capacity,
      Instant created,
      String top,
      Optional<String> image,
      Optional<String> origin,
      Optional<String> originSlug,
      Optional<Instant> deleted)
      implements Listed {
    Disk withTop(String layer) {
      return new Disk(
          id, owner, slug, region, capacity, created, layer, image, origin, originSlug, deleted);
    }

    Disk above(Optional<String> hash) {
      return new Disk(
          id, owner, slug, region, capacity, created, top, hash, origin, originSlug, deleted);
    }

    Disk deletedAt(Optional<Instant> time) {
      return new Disk(
          id, owner, slug, region, capacity, created, top, image, origin, originSlug, time);
    }

    @JsonIgnore
    @Override
    public boolean isThere() {
      return deleted.isEmpty();
    }

    /** What the guest sees: whole mebibytes. */
    @JsonIgnore
    long bytes() {
      return (capacity + (1 << 20) - 1) >> 20 << 20;
    }

    boolean isCalled(String owner, String idOrSlug) {
      return this.owner.equals(owner) && (id.equals(idOrSlug) || slug.equals(idOrSlug));
    }
  }

  /**
   * A checkpoint.
   *
   * @param id its id, and the name of its directory
   * @param owner whose it is
   * @param slug its name
   * @param region where it is
   * @param created the instant
   * @param sandbox what it was made of
   * @param machine what it takes to restore it
   * @param disks what it consists of besides memory and state
   * @param complete whether it can be used; otherwise it goes when nobody makes it any more
   * @param deleted when it was deleted
   */
  record SavedMachine(
      String id,
      String owner,
      String slug,
      String region,
      Instant created,
      String sandbox,
      MachineKind machine,
      SavedDisks disks,
      boolean complete,
      Optional<Instant> deleted)
      implements Listed {
    SavedMachine deletedAt(Instant time) {
      return new SavedMachine(
          id, owner, slug, region, created, sandbox, machine, disks, complete, Optional.of(time));
    }

    SavedMachine withTopInPlaceOf(String old, String layer) {
      return new SavedMachine(
          id,
          owner,
          slug,
          region,
          created,
          sandbox,
          machine,
          disks.withTopInPlaceOf(old, layer),
          complete,
          deleted);
    }

    SavedMachine completed() {
      return new SavedMachine(
          id, owner, slug, region, created, sandbox, machine, disks, true, deleted);
    }

    @JsonIgnore
    @Override
    public boolean isThere() {
      return complete && deleted.isEmpty();
    }

    boolean isCalled(String owner, String idOrSlug) {
      return this.owner.equals(owner) && (id.equals(idOrSlug) || slug.equals(idOrSlug));
    }
  }

  Optional<SavedMachine> checkpoint(String owner, String idOrSlug) {
    return checkpoints.stream()
        .filter(one -> one.isThere() && one.isCalled(owner, idOrSlug))
        .findFirst();
  }

  Optional<Layer> layer(String id) {
    return layers.find(id);
  }

  /** From that layer down; ends where one is missing. */
  List<Layer> chain(String top) {
    return layers.chain(top);
  }

  Optional<Disk> volume(String owner, String idOrSlug) {
    return find(volumes, owner, idOrSlug);
  }

  Optional<Disk> snapshot(String owner, String idOrSlug) {
    return find(snapshots, owner, idOrSlug);
  }

  private static Optional<Disk> find(List<Disk> disks, String owner, String idOrSlug) {
    return disks.stream()
        .filter(disk -> disk.isThere() && disk.isCalled(owner, idOrSlug))
        .findFirst();
  }

  boolean isTaken(String owner, String slug) {
    Predicate<Disk> hasIt =
        disk -> disk.isThere() && disk.owner.equals(owner) && disk.slug.equals(slug);
    return volumes.stream().anyMatch(hasIt)
        || snapshots.stream().anyMatch(hasIt)
        || checkpoints.stream().anyMatch(one -> one.deleted.isEmpty() && one.isCalled(owner, slug));
  }

  /** How many volumes, snapshots and checkpoints an owner has, deleted ones as well. */
  long count(String owner) {
    return Stream.of(volumes, snapshots, checkpoints)
        .flatMap(List::stream)
        .filter(one -> one.owner().equals(owner))
        .count();
  }

  /** Whether all layers are there that something stands on. */
  @JsonIgnore
  boolean isWhole() {
    Stream<String> parents = layers.stream().flatMap(layer -> layer.parent.stream());
    return Stream.concat(parents, tops()).allMatch(id -> layers.find(id).isPresent());
  }

  private Stream<String> tops() {
    return Stream.concat(
        Stream.of(volumes, snapshots).flatMap(List::stream).map(Disk::top),
        checkpoints.stream().flatMap(one -> one.disks.tops()));
  }

  /** The layers that something consists of. */
  Set<String> used() {
    return layers.below(tops());
  }

  /** The layer that a snapshot, or a disk of a checkpoint, stands on now. */
  Optional<String> topOf(String id, int slot) {
    return snapshots.stream()
        .filter(disk -> disk.id.equals(id))
        .map(Disk::top)
        .findFirst()
        .or(
            () ->
                checkpoints.stream()
                    .filter(one -> one.id.equals(id))
                    .findFirst()
                    .flatMap(one -> one.disks.topIn(slot)));
  }

  /** The images that something lies above. */
  Set<String> images() {
    Set<String> images = new LinkedHashSet<>();
    volumes.forEach(disk -> disk.image.ifPresent(images::add));
    snapshots.forEach(disk -> disk.image.ifPresent(images::add));
    checkpoints.forEach(one -> one.disks.images().forEach(images::add));
    return images;
  }

  Catalog with(Layer layer) {
    List<Layer> changed = new ArrayList<>(layers);
    changed.removeIf(old -> old.id.equals(layer.id));
    changed.add(layer);
    return new Catalog(changed, volumes, snapshots, checkpoints);
  }

  Catalog withVolume(Disk volume) {
    return new Catalog(layers, replaced(volumes, volume), snapshots, checkpoints);
  }

  Catalog withSnapshot(Disk snapshot) {
    return new Catalog(layers, volumes, replaced(snapshots, snapshot), checkpoints);
  }

  Catalog withoutSnapshot(String id) {
    return new Catalog(
        layers,
        volumes,
        snapshots.stream().filter(disk -> !disk.id.equals(id)).toList(),
        checkpoints);
  }

  /** Without all that is not kept. Layers stay. */
  Catalog withOnly(
      Predicate<Disk> keptVolumes,
      Predicate<Disk> keptSnapshots,
      Predicate<SavedMachine> keptCheckpoints) {
    return new Catalog(
        layers,
        volumes.stream().filter(keptVolumes).toList(),
        snapshots.stream().filter(keptSnapshots).toList(),
        checkpoints.stream().filter(keptCheckpoints).toList());
  }

  Catalog withLayers(List<Layer> others) {
    return new Catalog(others, volumes, snapshots, checkpoints);
  }

  Catalog withCheckpoint(SavedMachine checkpoint) {
    List<SavedMachine> changed = new ArrayList<>(withoutCheckpoint(checkpoint.id).checkpoints);
    changed.add(checkpoint);
    return new Catalog(layers, volumes, snapshots, changed);
  }

  Catalog withoutCheckpoint(String id) {
    return new Catalog(
        layers,
        volumes,
        snapshots,
        checkpoints.stream().filter(one -> !one.id.equals(id)).toList());
  }

  /**
   * With a new layer that holds what a frozen one does, above what is further down: it takes the
   * place of that one as parent of others and as top of snapshots and checkpoints.
   */
  Catalog withInPlaceOf(String old, Layer layer) {
    Optional<String> replaced = Optional.of(old);
    List<Layer> changed = new ArrayList<>();
    for (Layer other : layers) {
      changed.add(
          other.parent.equals(replaced)
              ? new Layer(other.id, other.directory, Optional.of(layer.id))
              : other);
    }
    changed.add(layer);
    return new Catalog(
        changed,
        volumes,
        snapshots.stream()
            .map(disk -> disk.top.equals(old) ? disk.withTop(layer.id) : disk)
            .toList(),
        checkpoints.stream().map(one -> one.withTopInPlaceOf(old, layer.id)).toList());
  }

  private static List<Disk> replaced(List<Disk> disks, Disk disk) {
    List<Disk> changed = new ArrayList<>(disks);
    for (int i = 0; i < changed.size(); i++) {
      if (changed.get(i).id.equals(disk.id)) {
        changed.set(i, disk);
        return changed;
      }
    }
    changed.add(disk);
    return changed;
  }
}
