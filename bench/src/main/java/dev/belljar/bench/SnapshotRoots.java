package dev.belljar.bench;

import dev.belljar.ByteSize;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.Storage;
import dev.belljar.VolumeOptions;
import java.util.List;

/** Sandboxes that boot from a snapshot, beside those that boot from the image. */
final class SnapshotRoots {
  private static final double TARGET_MILLIS = 300;
  private static final String VOLUME = "tools";
  private static final String SNAPSHOT = "tools-1";

  private SnapshotRoots() {}

  static List<Measurement> measure(Workbench bench, StoredDisks.Here here) throws Exception {
    Storage storage = here.storage();
    storage
        .volumes()
        .create(VolumeOptions.of(VOLUME, ByteSize.parse("2GB")).from(VolumeOptions.BUILTIN));
    try (Sandbox sandbox = here.create(SandboxOptions.builder().root(VOLUME))) {
      GuestCommand.of("sudo", "sh", "-c", "head -c 100M /dev/urandom > /opt/tools").text(sandbox);
    }
    storage.volumes().snapshot(VOLUME, SNAPSHOT);
    Recording recording =
        bench
            .rounds()
            .play(
                List.of(
                    into ->
                        createAndAsk(here, SandboxOptions.builder().root(SNAPSHOT), "root", into),
                    into -> createAndAsk(here, SandboxOptions.builder(), "image", into)));
    Unit unit = Unit.MILLISECONDS;
    return List.of(
        new Measurement(
            "storage.root.first-answer",
            "create a sandbox from a snapshot, to the status of `/bin/true`",
            recording.samples("root answer", unit),
            TARGET_MILLIS,
            List.of(new Alternative("from the image", recording.samples("image answer", unit)))),
        new Measurement(
            "storage.root.create",
            "of that, until `Sandbox.create()` returns",
            recording.samples("root", unit),
            new Alternative("from the image", recording.samples("image", unit))));
  }

  private static void createAndAsk(
      StoredDisks.Here here, SandboxOptions.Builder options, String as, Recording into)
      throws Exception {
    long began = System.nanoTime();
    try (Sandbox sandbox = here.create(options)) {
      into.addMillisSince(as, began);
      GuestCommand.TRUE.run(sandbox);
      into.addMillisSince(as + " answer", began);
    }
  }
}
