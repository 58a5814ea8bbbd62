package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.belljar.ByteSize;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.Storage;
import dev.belljar.VolumeOptions;
import dev.belljar.spi.Tenant;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Layers are merged by QEMU in its jail while machines run above them. */
@Timeout(300)
class MergingIT {
  private static final ByteSize SIZE = ByteSize.parse("400MB");
  private static final Duration LONGEST_MERGE = Duration.ofSeconds(60);

  @TempDir private Path directory;
  private Tenant tenant = Tenant.OWN;
  private Storage storage;

  @BeforeEach
  void open() {
    tenant = new Tenant("", Optional.of(directory.resolve("storage")));
    storage = LocalEngine.instance().storage(tenant);
  }

  private Sandbox with(SandboxOptions.Builder options) {
    return LocalEngine.instance().create(options.build(), tenant);
  }

  private static SandboxOptions.Builder at(String path, String volume) {
    return SandboxOptions.builder().volume(path, volume);
  }

  private long layerFiles() throws IOException {
    try (Stream<Path> all = Files.walk(directory.resolve("storage/layers"))) {
      return all.filter(Files::isRegularFile).count();
    }
  }

  private void awaitLayers(int count) {
    await().atMost(LONGEST_MERGE).until(this::layerFiles, found -> found == count);
  }

  /** What a sandbox has open as layers of its disks: each is in a directory of its own there. */
  private static long depth(Sandbox sandbox) {
    assertThat(sandbox.id()).isNotBlank();
    ProcessHandle qemu = HostProcesses.ownQemus(1).getFirst();
    return HostProcesses.layerDirectories(qemu);
  }

  @Test
  void fortySnapshotsKeepTheirContentAndTheChainStaysShort() throws Exception {
    storage.volumes().create(VolumeOptions.of("data", SIZE));
    List<String> sums = new ArrayList<>();
    int snapshots = 0;
    while (snapshots < 40) {
      try (Sandbox sandbox = with(at("/data", "data"))) {
        // Ten of each machine: those are not merged while it runs.
        for (int i = 0; i < 10; i++) {
          sandbox
              .sh(
                  "cd /data && head -c 300k /dev/urandom > f%d && head -c 20k /dev/urandom >> log && rm -f f%d && sync"
                      .formatted(snapshots % 7, (snapshots + 3) % 7))
              .text();
          sums.add(sandbox.sh("cd /data && sha256sum f* log").text());
          storage.volumes().snapshot("data", "s" + snapshots++);
        }
      }
    }
    long most = 0;
    for (int i : List.of(0, 9, 17, 28, 39)) {
      storage.volumes().create(VolumeOptions.of("copy" + i, SIZE).from("s" + i));
      try (Sandbox sandbox = with(at("/data", "copy" + i))) {
        assertThat(sandbox.sh("cd /data && sha256sum f* log").text()).isEqualTo(sums.get(i));
        most = Math.max(most, depth(sandbox));
      }
    }
    assertThat(most).isLessThanOrEqualTo(32);
    await().atMost(LONGEST_MERGE).until(this::depthOfData, found -> found <= 16);
    try (Sandbox sandbox = with(at("/data", "data"))) {
      assertThat(sandbox.sh("cd /data && sha256sum f* log").text()).isEqualTo(sums.getLast());
    }
    // Some 13 MB were written; each of at most five cuts has a copy of what there was.
    assertThat(storage.volumes().get("data").orElseThrow().flattenedSize()).isLessThan(40 << 20);
    for (int i = 0; i < 40; i++) {
      storage.snapshots().delete("s" + i);
    }
    for (int i : List.of(0, 9, 17, 28, 39)) {
      storage.volumes().delete("copy" + i);
    }
    try (Sandbox sandbox = with(at("/data", "data"))) {
      assertThat(sandbox.sh("cd /data && sha256sum f* log").text()).isEqualTo(sums.getLast());
    }
  }

  private long depthOfData() {
    try (Sandbox sandbox = with(at("/data", "data"))) {
      return depth(sandbox);
    }
  }

  @Test
  void aSandboxReadsOnWhileWhatIsBelowItIsMerged() throws Exception {
    storage.volumes().create(VolumeOptions.of("data", SIZE));
    for (int i = 0; i < 4; i++) {
      try (Sandbox sandbox = with(at("/data", "data"))) {
        sandbox.sh("head -c 8M /dev/urandom > /data/f%d; sync".formatted(i)).text();
      }
      storage.volumes().snapshot("data", "s" + i);
    }
    try (Sandbox sandbox = with(at("/data", "data"))) {
      String sums = sandbox.sh("cd /data && cat f0 > /dev/null && sha256sum f* | tee sums").text();
      for (int i = 0; i < 4; i++) {
        storage.snapshots().delete("s" + i);
      }
      // Its head, the four below which it has open, and the one that those were merged into.
      awaitLayers(6);
      sandbox.sh("sudo sh -c 'echo 3 > /proc/sys/vm/drop_caches'").text();
      assertThat(sandbox.sh("cd /data && sha256sum f*").text()).isEqualTo(sums);
      sandbox.sh("cd /data && head -c 1M /dev/urandom > f1 && sha256sum f* > sums").text();
      storage.volumes().snapshot("data", "later");
      sandbox.sh("echo more > /data/more").text();
    }
    // What it had open is gone; the copy, what it wrote to, and the head that it got are left.
    awaitLayers(3);
    storage.volumes().create(VolumeOptions.of("copy", SIZE).from("later"));
    try (Sandbox sandbox = with(at("/data", "data").volume("/copy", "copy"))) {
      assertThat(sandbox.sh("cd /data && sha256sum -c sums && cat more").noThrow().text())
          .contains("f1: OK")
          .doesNotContain("FAILED")
          .endsWith("more\n");
      assertThat(sandbox.sh("cd /copy && sha256sum -c sums && ls").noThrow().text())
          .contains("f1: OK")
          .doesNotContain("FAILED")
          .doesNotContain("more");
    }
  }

  @Test
  void aSandboxRunsFromASnapshotWhoseLayersAreMerged() throws Exception {
    storage.volumes().create(VolumeOptions.of("root", SIZE).from(VolumeOptions.BUILTIN));
    for (int i = 0; i < 3; i++) {
      try (Sandbox sandbox = with(SandboxOptions.builder().root("root"))) {
        sandbox.sh("head -c 4M /dev/urandom > f%d; sha256sum f* > sums".formatted(i)).text();
      }
      storage.volumes().snapshot("root", "s" + i);
    }
    try (Sandbox sandbox = with(SandboxOptions.builder().root("s2"))) {
      for (int i = 0; i < 3; i++) {
        storage.snapshots().delete("s" + i);
      }
      awaitLayers(5);
      assertThat(sandbox.sh("sha256sum -c sums").noThrow().text())
          .contains("f0: OK")
          .contains("f2: OK");
    }
    awaitLayers(2);
    try (Sandbox sandbox = with(SandboxOptions.builder().root("root"))) {
      assertThat(sandbox.sh("sha256sum -c sums").noThrow().text())
          .contains("f0: OK")
          .contains("f2: OK");
    }
  }
}
