package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.ByteSize;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.Storage;
import dev.belljar.VolumeOptions;
import dev.belljar.spi.Tenant;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Snapshots while files are written through the host's own calls, not by programs of the guest. */
@Timeout(180)
class SnapshotWhileWritingIT {
  private static final int SNAPSHOTS = 6;

  @TempDir private Path directory;

  private Tenant tenant() {
    return new Tenant("", Optional.of(directory.resolve("storage")));
  }

  private Sandbox with(SandboxOptions.Builder options) {
    return LocalEngine.instance().create(options.build(), tenant());
  }

  @Test
  void filesThatAreWrittenToAMountedVolumeWaitAndGoOn() throws Exception {
    Storage storage = LocalEngine.instance().storage(tenant());
    storage.volumes().create(VolumeOptions.of("data", ByteSize.parse("400MB")));
    try (Sandbox sandbox = with(SandboxOptions.builder().volume("/data", "data"))) {
      snapshotsWhile(storage, "data", sandbox, "/data");
    }
    assertHolds("data-" + (SNAPSHOTS - 1), storage);
  }

  @Test
  void filesThatAreWrittenToARootWaitAndGoOn() throws Exception {
    Storage storage = LocalEngine.instance().storage(tenant());
    storage
        .volumes()
        .create(VolumeOptions.of("root", ByteSize.parse("400MB")).from(VolumeOptions.BUILTIN));
    try (Sandbox sandbox = with(SandboxOptions.builder().root("root"))) {
      snapshotsWhile(storage, "root", sandbox, "/home/app");
    }
  }

  private static void snapshotsWhile(Storage storage, String volume, Sandbox sandbox, String place)
      throws Exception {
    AtomicBoolean over = new AtomicBoolean();
    AtomicInteger written = new AtomicInteger();
    List<FutureTask<Integer>> writers = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      String file = place + "/file" + i;
      writers.add(
          new FutureTask<>(
              () -> {
                for (int k = 0; !over.get(); k++) {
                  sandbox.fs().writeTextFile(file, "line %d\n".formatted(k).repeat(5000));
                  written.incrementAndGet();
                }
                return 0;
              }));
    }
    writers.forEach(Thread.ofVirtual()::start);
    try {
      for (int i = 0; i < SNAPSHOTS; i++) {
        int before = written.get();
        storage.volumes().snapshot(volume, volume + "-" + i);
        org.awaitility.Awaitility.await()
            .atMost(Duration.ofSeconds(20))
            .until(() -> written.get() > before);
      }
    } finally {
      over.set(true);
    }
    for (FutureTask<Integer> writer : writers) {
      writer.get(30, TimeUnit.SECONDS);
    }
    assertThat(sandbox.sh("echo fine").text()).isEqualTo("fine\n");
  }

  /** Each file is whole: what was cut off was never acknowledged. */
  private void assertHolds(String snapshot, Storage storage) {
    storage.volumes().create(VolumeOptions.of("copy", ByteSize.parse("400MB")).from(snapshot));
    try (Sandbox sandbox = with(SandboxOptions.builder().volume("/data", "copy"))) {
      assertThat(sandbox.sh("ls /data").lines()).isNotEmpty();
      sandbox.sh("cat /data/* > /dev/null; touch /data/more").text();
    }
  }
}
