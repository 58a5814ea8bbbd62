package dev.belljar.engine.volumes;

import dev.belljar.engine.volumes.Catalog.Layer;
import dev.belljar.engine.volumes.Leases.Lease;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Layers as a check finds them: each is looked through once, however many disks stand on it. */
final class LookedLayers {
  private final StoreDirectory store;
  private final Map<String, LayerCheck> looked = new HashMap<>();

  LookedLayers(StoreDirectory store) {
    this.store = store;
  }

  /** Whether a sandbox or something else has it open, so that it cannot be looked at. */
  boolean isUsed(Layer layer, List<Lease> leases) throws IOException {
    return leases.stream().anyMatch(lease -> lease.layers().contains(layer.id()))
        || store.layers.isOpen(layer);
  }

  /**
   * Looks through one that is kept meanwhile; may take minutes.
   *
   * @throws IOException where that cannot be done
   */
  LayerCheck look(Layer layer) throws IOException {
    LayerCheck found = looked.get(layer.id());
    if (found == null) {
      found = LayerCheck.of(store.tools.confined(), store.layers.fileOf(layer), LayerCheck.LONGEST);
      looked.put(layer.id(), found);
    }
    return found;
  }
}
