package dev.belljar.engine.volumes;

import dev.belljar.Snapshot;
import dev.belljar.Volume;
import dev.belljar.engine.volumes.Catalog.Disk;
import dev.belljar.engine.volumes.Catalog.Layer;
import dev.belljar.engine.volumes.Leases.Lease;
import java.io.IOException;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Disks of an owner as users see them: with sizes and holders, found out once for all that is
 * asked. Without the store's lock: files may go meanwhile.
 */
final class Descriptions {
  private final Catalog catalog;
  private final KeptImages images;
  private final LayerSizes sizes;
  private final Map<String, String> holders;
  private final Set<String> snapshotTops;
  private final Map<String, Disk> snapshots = new HashMap<>();

  Descriptions(
      Catalog catalog, String owner, LayerFiles layers, KeptImages images, List<Lease> leases)
      throws IOException {
    this.catalog = catalog;
    this.images = images;
    Set<Layer> of = new LinkedHashSet<>();
    Stream.concat(catalog.volumes().stream(), catalog.snapshots().stream())
        .filter(disk -> disk.owner().equals(owner))
        .forEach(disk -> of.addAll(catalog.chain(disk.top())));
    sizes = new LayerSizes(layers, of);
    holders =
        leases.stream()
            .collect(Collectors.toMap(Lease::disk, Lease::holder, (first, second) -> first));
    snapshotTops = catalog.snapshots().stream().map(Disk::top).collect(Collectors.toSet());
    catalog.snapshots().forEach(disk -> snapshots.put(disk.id(), disk));
  }

  /** Whether files were not where the catalog has them. */
  boolean lacksSizes() {
    return sizes.lacksSome();
  }

  Volume volume(Disk disk) throws IOException {
    long used = sizes.of(catalog.chain(disk.top()), disk.bytes());
    return new Volume(
        disk.id(),
        disk.slug(),
        disk.region(),
        disk.capacity(),
        sizes.of(own(disk, false), disk.bytes()),
        used + image(disk),
        used,
        disk.image().isPresent(),
        origin(disk),
        Optional.ofNullable(holders.get(disk.id())),
        disk.deleted());
  }

  Snapshot snapshot(Disk disk) throws IOException {
    return new Snapshot(
        disk.id(),
        disk.slug(),
        disk.region(),
        disk.capacity(),
        sizes.of(own(disk, true), disk.bytes()),
        sizes.of(catalog.chain(disk.top()), disk.bytes()) + image(disk),
        disk.image().isPresent(),
        new Volume.Origin(disk.origin().orElse(""), disk.originSlug().orElse("")));
  }

  /** Its own layers: down to those of the snapshot that it stands on. */
  private List<Layer> own(Disk disk, boolean isSnapshot) {
    return catalog.chain(disk.top()).stream()
        .takeWhile(
            layer ->
                !snapshotTops.contains(layer.id()) || (isSnapshot && layer.id().equals(disk.top())))
        .toList();
  }

  private long image(Disk disk) throws IOException {
    return disk.image().isPresent() ? images.size(disk.image().get()) : 0;
  }

  private Optional<Volume.Origin> origin(Disk disk) {
    return disk.origin()
        .flatMap(id -> Optional.ofNullable(snapshots.get(id)))
        .filter(Disk::isThere)
        .map(other -> new Volume.Origin(other.id(), other.slug()));
  }
}
