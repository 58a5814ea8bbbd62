package dev.belljar.engine.volumes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIOException;

import dev.belljar.ByteSize;
import dev.belljar.StorageException;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.volumes.DataReport.CheckedDisk;
import dev.belljar.engine.volumes.DataReport.Damage;
import dev.belljar.engine.volumes.SavedDisks.SavedDisk;
import dev.belljar.engine.volumes.VolumeStore.Opened;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** With the host's own tools and without machines. */
@Timeout(60)
class DataCheckTest {
  private static final String ME = "me";
  private static final ByteSize SIZE = ByteSize.parse("300MB");

  @TempDir private Path directory;
  private Path storage;
  private VolumeStore store;
  private BootImage image;

  @BeforeEach
  void open() throws IOException {
    Path root = Files.createDirectories(directory.resolve("image"));
    Files.writeString(root.resolve(BootImage.NAME), "an image");
    image = new BootImage("0123abcd", root);
    storage = directory.resolve("storage");
    store = Disks.store(storage, Disks.merger(), InstantSource.system());
    store.create(ME, VolumeOptions.of("data", SIZE), image);
    store.create(ME, VolumeOptions.of("root", SIZE).from(VolumeOptions.BUILTIN), image);
    store.snapshot(ME, "data", "frozen");
    store.create("other", VolumeOptions.of("data", SIZE), image);
  }

  @AfterEach
  void close() throws IOException {
    store.close();
  }

  private DataReport check() throws IOException {
    return DataCheck.run(storage, Disks.tools(), InstantSource.system(), step -> {});
  }

  private static CheckedDisk disk(DataReport report, String slug) {
    return report.disks().stream()
        .filter(disk -> disk.slug().equals(slug) && disk.owner().equals(ME))
        .findFirst()
        .orElseThrow();
  }

  private List<Path> layersOf(String slug) {
    try (Opened opened =
        slug.equals("root") ? store.openRoot(ME, slug, "sbx") : store.openVolume(ME, slug, "sbx")) {
      return opened.layers();
    }
  }

  @Test
  void aWholeDirectoryIsFine() throws IOException {
    DataReport report = check();
    assertThat(report.isFine()).isTrue();
    assertThat(report.disks()).hasSize(4).allMatch(disk -> disk.holder().isEmpty());
    assertThat(disk(report, "data").layers()).isEqualTo(2);
    assertThat(disk(report, "frozen").snapshot()).isTrue();
    assertThat(report.bytes()).isPositive();
    assertThat(report.removed()).isEmpty();
    assertThat(report.deadLeases()).isZero();
    // Nothing is held any more.
    store.deleteVolume(ME, "data");
  }

  @Test
  void oneThatIsNotThereIsFineAndIsNotMade() throws IOException {
    Path nothing = directory.resolve("nothing");
    assertThat(DataCheck.run(nothing, Disks.tools(), InstantSource.system(), step -> {}).isFine())
        .isTrue();
    assertThat(nothing).doesNotExist();
  }

  @Test
  void aCatalogThatIsMissingIsDamageAndNothingIsRemoved() throws IOException {
    Path frozen = layersOf("data").getLast();
    Files.delete(storage.resolve("catalog.json"));

    assertThat(check().damage())
        .singleElement()
        .satisfies(damage -> assertThat(damage.what()).contains("catalog.json is missing"))
        .satisfies(damage -> assertThat(damage.remedy()).contains("backup"));
    assertThatExceptionOfType(StorageException.class).isThrownBy(() -> store.volume(ME, "data"));
    assertThatExceptionOfType(StorageException.class).isThrownBy(store::collect);
    assertThatIOException()
        .isThrownBy(() -> Disks.store(storage, Disks.merger(), InstantSource.system()))
        .withMessageContaining("catalog.json is missing");
    assertThat(frozen).exists();
  }

  @Test
  void damageWithinALayerIsSaidOfAllThatStandOnIt() throws IOException {
    Path frozen = layersOf("data").getLast();
    frozen.toFile().setWritable(true);
    try (RandomAccessFile file = new RandomAccessFile(frozen.toFile(), "rw")) {
      // The first refcount block, as qemu-img lays out its files.
      file.seek(2 << 16);
      file.write(new byte[512]);
    }
    DataReport report = check();
    assertThat(report.isFine()).isFalse();
    for (String slug : List.of("data", "frozen")) {
      assertThat(disk(report, slug).damage())
          .singleElement()
          .satisfies(damage -> assertThat(damage.what()).contains("corruptions"))
          .satisfies(damage -> assertThat(damage.remedy()).contains("data import", slug));
    }
    assertThat(disk(report, "root").damage()).isEmpty();
  }

  @Test
  void aLayerThatIsMissingOrOfAnotherKindIsSaid() throws IOException {
    Path head = layersOf("data").getFirst();
    Files.delete(head);
    assertThat(disk(check(), "data").damage())
        .singleElement()
        .satisfies(damage -> assertThat(damage.what()).contains("missing"));
    Files.createDirectories(java.util.Objects.requireNonNull(head.getParent()));
    Files.writeString(head, "no qcow2");
    assertThat(disk(check(), "data").damage())
        .singleElement()
        .satisfies(damage -> assertThat(damage.what()).contains("qcow2"));
    assertThat(disk(check(), "frozen").damage()).isEmpty();
  }

  @Test
  void anImageThatIsMissingIsSaid() throws IOException {
    Files.delete(store.imageDirectory("0123abcd").resolve(BootImage.NAME));
    assertThat(disk(check(), "root").damage())
        .singleElement()
        .satisfies(damage -> assertThat(damage.what()).contains("0123abcd"));
  }

  /** Of the volume "data", which is gone after that; returns the layer that it stands on. */
  private Path checkpoint() throws IOException {
    Files.writeString(image.directory().resolve(BootImage.BLANK_DISK), "blank");
    Path top;
    try (Opened opened = store.openVolume(ME, "data", "sbx")) {
      top = opened.layers().getFirst();
      CheckpointDraft.Request request =
          new CheckpointDraft.Request(ME, "warm", "sbx", List.of(opened.id()), image, 0, 256);
      try (CheckpointDraft draft = store.beginCheckpoint(request)) {
        Files.write(draft.directory().resolve("memory"), new byte[1 << 20]);
        Files.writeString(draft.directory().resolve("state"), "state");
        SavedDisk disk =
            new SavedDisk(
                1,
                opened.bytes(),
                List.of(),
                Optional.of(draft.top(opened.id())),
                Optional.empty());
        draft.commit(
            new MachineKind("qemu", 1, 1),
            new SavedDisks(image.hash(), List.of(), List.of(disk)),
            () -> true);
        draft.complete();
      }
    }
    CatalogFile file = new CatalogFile(storage);
    Catalog catalog = file.read();
    String id = catalog.volume(ME, "data").orElseThrow().id();
    file.write(catalog.withOnly(disk -> !disk.id().equals(id), disk -> true, one -> true));
    store.collect();
    return top;
  }

  private void saysOfTheCheckpoint(String what) throws IOException {
    DataReport report = check();
    assertThat(report.isFine()).isFalse();
    assertThat(report.damage())
        .singleElement()
        .satisfies(
            damage -> assertThat(damage.what()).contains("'warm'", what).doesNotContain(".."))
        .satisfies(damage -> assertThat(damage.remedy()).contains("checkpoints delete warm"));
    assertThat(report.disks()).allMatch(disk -> disk.damage().isEmpty());
  }

  @Test
  void aLayerThatOnlyACheckpointStandsOnIsLookedAt() throws IOException {
    Path top = checkpoint();
    assertThat(check().isFine()).isTrue();
    top.toFile().setWritable(true);
    try (RandomAccessFile file = new RandomAccessFile(top.toFile(), "rw")) {
      file.seek(2 << 16);
      file.write(new byte[512]);
    }
    saysOfTheCheckpoint("corruptions");
    Files.delete(top);
    saysOfTheCheckpoint(top.getFileName() + " cannot be used: it is missing");
    store.deleteCheckpoint(ME, "warm");
    assertThat(check().isFine()).isTrue();
  }

  @Test
  void aCheckpointThatASandboxGoesOnFromIsNoDamage() throws IOException {
    Path top = checkpoint();
    try (OpenedCheckpoint opened = store.openCheckpoint(ME, "warm", "sbx_two")) {
      assertThat(opened.disks()).hasSize(1);
      assertThat(check().isFine()).isTrue();
      assertThat(top).exists();
    }
  }

  @Test
  void whatASandboxHasIsLeftOut() throws IOException {
    try (Opened opened = store.openVolume(ME, "data", "sbx_one")) {
      Files.write(opened.layers().getFirst(), new byte[100]);
      CheckedDisk disk = disk(check(), "data");
      assertThat(disk.holder()).contains("sbx_one");
      assertThat(disk.damage()).isEmpty();
    }
    assertThat(disk(check(), "data").damage()).isNotEmpty();
  }

  @Test
  void whatNothingRefersToIsSaidAndRemoved() throws IOException {
    Path orphan = Files.createDirectories(storage.resolve("layers/orphan")).resolve("a.qcow2");
    Files.writeString(orphan, "x");
    Path old = Files.createDirectories(storage.resolve("images/old")).resolve(BootImage.NAME);
    Files.writeString(old, "x");
    Files.createDirectories(storage.resolve("leases/0badcafe"));
    Files.writeString(storage.resolve("leases/0badcafe/1"), "vol_x\nsbx_x\n");
    Files.writeString(storage.resolve("leases/0badcafe.lock"), "");
    DataReport report = check();
    assertThat(report.isFine()).isTrue();
    assertThat(report.removed()).containsExactly("images/old/root.erofs", "layers/orphan/a.qcow2");
    assertThat(report.deadLeases()).isEqualTo(1);
    assertThat(orphan).doesNotExist();
    assertThat(old).doesNotExist();
    assertThat(check().removed()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"slug\" : \"frozen\"  | \"slug\" : \"data\"      | the name 'data' is there twice",
        "\"owner\" : \"me\"     | \"owner\" : null         | something is missing",
        "\"directory\" : \"     | \"directory\" : \"../    | a name that no layer has",
        "\"image\" : \"0123abcd | \"image\" : \"../0123    | a name that no image has",
        "\"layers\" :           | \"strata\" :             | cannot be read",
        "{                      | [                        | cannot be read"
      })
  void aDamagedCatalogIsSaidAndNothingIsRemoved(String whole, String broken, String said)
      throws IOException {
    Path file = storage.resolve("catalog.json");
    String catalog = Files.readString(file);
    assertThat(catalog).contains(whole);
    Files.writeString(file, catalog.replace(whole, broken));
    Path orphan = Files.createDirectories(storage.resolve("layers/orphan")).resolve("a.qcow2");
    Files.writeString(orphan, "x");
    DataReport report = check();
    assertThat(report.isFine()).isFalse();
    assertThat(report.damage()).extracting(Damage::what).anyMatch(what -> what.contains(said));
    assertThat(report.removed()).isEmpty();
    assertThat(orphan).exists();
    Files.writeString(file, catalog);
    assertThat(check().isFine()).isTrue();
  }

  @Test
  void layersThatAreNotInTheCatalogOrInACircleAreSaid() throws IOException {
    CatalogFile file = new CatalogFile(storage);
    Catalog whole = file.read();
    Catalog.Layer lowest =
        whole.layers().stream()
            .filter(layer -> whole.layers().stream().anyMatch(l -> isAbove(l, layer)))
            .findFirst()
            .orElseThrow();
    Catalog.Layer above =
        whole.layers().stream().filter(l -> isAbove(l, lowest)).findFirst().orElseThrow();
    file.write(whole.withLayers(whole.layers().stream().filter(l -> !l.equals(lowest)).toList()));
    assertThat(check().damage()).extracting(Damage::what).anyMatch(w -> w.contains("not there"));
    file.write(
        whole.with(new Catalog.Layer(lowest.id(), lowest.directory(), Optional.of(above.id()))));
    assertThat(check().damage())
        .extracting(Damage::what)
        .anyMatch(w -> w.contains("lies above itself"));
    file.write(
        new Catalog(
            whole.layers(),
            Stream.concat(
                    whole.volumes().stream(),
                    whole.volumes().stream()
                        .filter(disk -> disk.slug().equals("root"))
                        .map(
                            disk ->
                                new Catalog.Disk(
                                    disk.id() + "x",
                                    disk.owner(),
                                    "second",
                                    disk.region(),
                                    disk.capacity(),
                                    disk.created(),
                                    disk.top(),
                                    disk.image(),
                                    disk.origin(),
                                    disk.originSlug(),
                                    disk.deleted())))
                .toList(),
            whole.snapshots(),
            whole.checkpoints()));
    assertThat(check().damage())
        .extracting(Damage::what)
        .anyMatch(w -> w.contains("write to the same layer"));
    file.write(whole);
    assertThat(check().isFine()).isTrue();
  }

  private static boolean isAbove(Catalog.Layer upper, Catalog.Layer lower) {
    return upper.parent().filter(lower.id()::equals).isPresent();
  }
}
