package dev.belljar.engine.volumes;

import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.ByteSize;
import dev.belljar.PageRequest;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.volumes.Catalog.Disk;
import dev.belljar.engine.volumes.Catalog.Layer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A server's storage that was used for long: ten organizations, each with all the disks it may. */
@Timeout(120)
class LargeStorageTest {
  private static final String OWNER = "owner-0";
  private static final int OWNERS = 10;
  private static final int DISKS = 992;
  private static final int DEPTH = 16;

  @TempDir private Path directory;

  @BeforeEach
  void fill() throws IOException {
    List<Layer> layers = new ArrayList<>();
    List<Disk> volumes = new ArrayList<>();
    List<Disk> snapshots = new ArrayList<>();
    for (int i = 0; i < OWNERS * DISKS; i++) {
      boolean lowest = i % DEPTH == 0;
      boolean head = i % DEPTH == DEPTH - 1;
      Layer layer = layer(i, lowest ? Optional.empty() : Optional.of(id(i - 1)));
      layers.add(layer);
      (head ? volumes : snapshots).add(disk(i, head ? "vol" : "snp"));
      Path file =
          Files.createFile(
              Files.createDirectories(layers().resolve(layer.directory()))
                  .resolve(LayerFiles.nameOf(layer)));
      Files.setPosixFilePermissions(
          file, PosixFilePermissions.fromString(head ? "rw-------" : "r--r--r--"));
    }
    new CatalogFile(directory).write(new Catalog(layers, volumes, snapshots, List.of()));
  }

  private Path layers() {
    return directory.resolve("layers");
  }

  private static String id(int number) {
    return "%020d".formatted(number);
  }

  private static Layer layer(int number, Optional<String> parent) {
    return new Layer(id(number), id(number), parent);
  }

  private static Disk disk(int number, String kind) {
    return new Disk(
        kind + "_loc_" + id(number),
        "owner-" + number / DISKS,
        "disk-" + number,
        "loc",
        300_000_000,
        Instant.EPOCH,
        id(number),
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        Optional.empty());
  }

  private VolumeStore opened() throws IOException {
    return Disks.store(directory, Disks.merger(), InstantSource.system());
  }

  @Test
  void isWorkedWithAsASmallOne() throws Exception {
    Catalog before = new CatalogFile(directory).read();
    BootImage none = new BootImage("0123abcd", directory);
    try (VolumeStore store = opened()) {
      store.create(OWNER, VolumeOptions.of("new", ByteSize.parse("300MB")), none);
      store.openVolume(OWNER, "new", "sbx").close();
      assertThat(store.snapshot(OWNER, "new", "as-it-is").slug()).isEqualTo("as-it-is");
      assertThat(store.snapshots(OWNER, PageRequest.FIRST).items()).isNotEmpty();
      store.deleteSnapshot(OWNER, "as-it-is");
      store.deleteVolume(OWNER, "new");
    }
    Catalog after = new CatalogFile(directory).read();
    assertThat(after.layers()).hasSize(before.layers().size() + 2).containsAll(before.layers());
    assertThat(after.layers())
        .allMatch(layer -> Files.exists(new LayerFiles(layers()).fileOf(layer)));
  }

  @Test
  void onlyWhatChangedIsGoneThroughUntilAProcessDies() throws Exception {
    Path left = layers().resolve(id(5)).resolve("left.qcow2");
    Path beside = layers().resolve("left");
    try (VolumeStore store = opened()) {
      Files.createFile(left);
      Files.createFile(beside);
      store.deleteSnapshot(OWNER, "disk-0");
      assertThat(beside).doesNotExist();
      assertThat(left).exists();
      // Nobody holds its lock.
      Files.createFile(directory.resolve("leases").resolve("0000dead" + Leases.LOCK_SUFFIX));
      store.deleteSnapshot(OWNER, "disk-1");
      assertThat(left).doesNotExist();
      Files.createFile(left);
      store.collect();
      assertThat(left).doesNotExist();
    }
  }
}
