package dev.belljar.engine.volumes;

import dev.belljar.engine.volumes.Catalog.Disk;
import dev.belljar.engine.volumes.Catalog.Layer;
import dev.belljar.engine.volumes.Leases.Lease;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Opens disks: who opens a volume has it alone, and its layers were looked at before. That is done
 * under a lease and without the store's lock, since it may take long.
 */
final class Opening {
  private final StoreDirectory store;

  Opening(StoreDirectory store) {
    this.store = store;
  }

  /**
   * What is to be opened.
   *
   * @param writable whether it is a volume, which only one may have
   */
  record Wanted(Disk disk, boolean writable) {}

  /** Finds it in the catalog. */
  interface Finding {
    Wanted in(Catalog catalog) throws IOException;
  }

  /**
   * A disk that is open until the lease is released.
   *
   * @param chain its layers, the uppermost first
   */
  record Open(Disk disk, boolean writable, List<Layer> chain, Path lease) {
    List<Path> files(LayerFiles layers) {
      return chain.stream().map(layers::fileOf).toList();
    }
  }

  private record Begun(Catalog catalog, Wanted wanted, Path lease) {}

  /**
   * Opens one. May take 5 s where its machine is still ending, and 20 s for each layer that one
   * wrote to that was killed.
   *
   * @param holder who has it from now on
   * @param also what else the lease is to keep
   */
  Open open(Finding finding, String holder, List<String> also) {
    Begun begun = store.locked(() -> begin(finding, holder, also));
    try {
      boolean looked = store.withoutLock(() -> look(begun));
      FaultPoint.LOOKED_AT.reached();
      return store.locked(() -> finish(begun, looked, holder, also));
    } catch (RuntimeException e) {
      store.giveUp(begun.lease, e);
      throw e;
    }
  }

  private Begun begin(Finding finding, String holder, List<String> also) throws IOException {
    Catalog catalog = store.file.read();
    Wanted wanted = finding.in(catalog);
    Disk disk = wanted.disk;
    List<Layer> chain = catalog.chain(disk.top());
    Checks.checkWhole(store, catalog, disk.slug(), chain);
    Path lease = store.leases.add(lease(disk, chain, holder, also));
    FaultPoint.LEASED.reached();
    return new Begun(catalog, wanted, lease);
  }

  private static Lease lease(Disk disk, List<Layer> chain, String holder, List<String> also) {
    List<String> kept = new ArrayList<>(chain.stream().map(Layer::id).toList());
    kept.addAll(also);
    return new Lease(disk.id(), holder, kept);
  }

  private boolean look(Begun begun) throws IOException {
    Disk disk = begun.wanted.disk;
    if (begun.wanted.writable) {
      return look(begun.catalog, disk);
    }
    Checks.checkSound(store, disk, begun.catalog.chain(disk.top()));
    return false;
  }

  /**
   * Looks at a volume that is leased, as the catalog had it then.
   *
   * @return whether its last end was unclean, and it is whole
   */
  boolean look(Catalog catalog, Disk volume) throws IOException {
    List<Layer> chain = catalog.chain(volume.top());
    Checks.checkWhole(store, catalog, volume.slug(), chain);
    store.layers.awaitFree(Checks.topOf(catalog, volume));
    Checks.checkSound(store, volume, chain);
    Checks.checkHead(store, volume, chain.getFirst());
    return store.ends.look(store, catalog, volume);
  }

  private Open finish(Begun begun, boolean looked, String holder, List<String> also)
      throws IOException {
    Disk disk = begun.wanted.disk;
    Catalog catalog = store.file.read();
    if (looked) {
      store.ends.forget(disk);
    }
    if (begun.wanted.writable) {
      catalog = store.settled(catalog, disk);
    }
    // Merging may have changed what is below, also what a snapshot stands on.
    String top =
        begun.wanted.writable ? disk.top() : catalog.topOf(disk.id(), 0).orElse(disk.top());
    List<Layer> chain = catalog.chain(top);
    Lease now = lease(disk, chain, holder, also);
    Path lease = begun.lease;
    if (!now.equals(lease(disk, begun.catalog.chain(disk.top()), holder, also))) {
      Checks.checkWhole(store, catalog, disk.slug(), chain);
      lease = store.leases.add(now);
      store.leases.release(begun.lease);
    }
    return new Open(disk, begun.wanted.writable, chain, lease);
  }
}
