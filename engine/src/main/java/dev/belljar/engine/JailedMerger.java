package dev.belljar.engine;

import dev.belljar.engine.storage.RunDirectories;
import dev.belljar.engine.vmm.Jail;
import dev.belljar.engine.vmm.LayerCopy;
import dev.belljar.engine.vmm.MachineDisk;
import dev.belljar.engine.vmm.MachineDisk.Layer;
import dev.belljar.engine.volumes.LayerMerger;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Merges layers by QEMU in the jail of this host.
 *
 * @param runs where each merge has a directory meanwhile
 */
record JailedMerger(Jail jail, RunDirectories runs) implements LayerMerger {
  /** Of the largest volume at 12 MB/s. */
  private static final Duration LIMIT = Duration.ofMinutes(30);

  @Override
  public void merge(List<Path> files, int kept, long bytes) throws IOException {
    List<Layer> layers = new ArrayList<>();
    for (Path file : files) {
      layers.add(
          new Layer(
              Optional.ofNullable(file.getParent()).orElseThrow(),
              String.valueOf(file.getFileName()),
              layers.isEmpty()));
    }
    LayerCopy.run(jail, runs.create(), new MachineDisk(0, layers, bytes), kept, LIMIT);
  }
}
