package dev.belljar.engine.volumes;

import dev.belljar.Snapshot;
import dev.belljar.Volume;
import dev.belljar.engine.volumes.Catalog.Disk;
import dev.belljar.engine.volumes.Catalog.Layer;
import dev.belljar.engine.volumes.Leases.Lease;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** Disks as users see them: with sizes and holders, found out once for all that is asked. */
final class Descriptions {
  private final Catalog catalog;
  private final KeptImages images;
  private final Map<String, Long> bytes;
  private final Map<String, String> holders;
  private final Set<String> snapshotTops;

  Descriptions(Catalog catalog, LayerFiles layers, KeptImages images, List<Lease> leases)
      throws IOException {
    this.catalog = catalog;
    this.images = images;
    bytes = LayerFiles.allocated(catalog.layers().stream().map(layers::fileOf).toList());
    holders =
        leases.stream()
            .collect(Collectors.toMap(Lease::disk, Lease::holder, (first, second) -> first));
    snapshotTops = catalog.snapshots().stream().map(Disk::top).collect(Collectors.toSet());
  }

  Volume volume(Disk disk) throws IOException {
    return new Volume(
        disk.id(),
        disk.slug(),
        disk.region(),
        disk.capacity(),
        allocated(disk, false),
        flattened(disk),
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
        allocated(disk, true),
        flattened(disk),
        disk.image().isPresent(),
        new Volume.Origin(disk.origin().orElse(""), disk.originSlug().orElse("")));
  }

  private long size(Layer layer) {
    return bytes.getOrDefault(LayerFiles.nameOf(layer), 0L);
  }

  /** Its own layers: down to those of the snapshot that it stands on. */
  private long allocated(Disk disk, boolean isSnapshot) {
    return catalog.chain(disk.top()).stream()
        .takeWhile(
            layer ->
                !snapshotTops.contains(layer.id()) || (isSnapshot && layer.id().equals(disk.top())))
        .mapToLong(this::size)
        .sum();
  }

  private long flattened(Disk disk) throws IOException {
    long image = disk.image().isPresent() ? images.size(disk.image().get()) : 0;
    return image + catalog.chain(disk.top()).stream().mapToLong(this::size).sum();
  }

  private Optional<Volume.Origin> origin(Disk disk) {
    return catalog.snapshots().stream()
        .filter(other -> other.isThere() && disk.origin().equals(Optional.of(other.id())))
        .map(other -> new Volume.Origin(other.id(), other.slug()))
        .findFirst();
  }
}
