package dev.belljar.bench;

import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.Storage;
import dev.belljar.engine.LocalSandboxProvider;
import dev.belljar.spi.Tenant;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Volumes, snapshots and checkpoints, in a storage directory of this run's own. */
final class StoredDisks implements Subject {

  @Override
  public String name() {
    return "storage";
  }

  /** Storage and the sandboxes that have what is in it. */
  record Here(Path directory) {
    private static final LocalSandboxProvider ENGINE = new LocalSandboxProvider();

    private Tenant tenant() {
      return new Tenant("", Optional.of(directory));
    }

    Storage storage() {
      return ENGINE.storage(tenant()).orElseThrow();
    }

    Sandbox create(SandboxOptions.Builder options) {
      return ENGINE.create(options.local().build(), tenant());
    }
  }

  @Override
  public List<Measurement> measure(Workbench bench) throws Exception {
    Path scratch = bench.scratch().directory();
    List<Measurement> measurements = new ArrayList<>();
    measurements.addAll(new VolumeSnapshots(new Here(scratch.resolve("snapshots"))).measure(bench));
    measurements.addAll(SnapshotRoots.measure(bench, new Here(scratch.resolve("roots"))));
    measurements.addAll(Forks.measure(bench, new Here(scratch.resolve("forks"))));
    measurements.addAll(Standstills.measure(bench, new Here(scratch.resolve("standing"))));
    measurements.addAll(VolumeWrites.measure(bench, new Here(scratch.resolve("writes"))));
    return measurements;
  }
}
