package dev.belljar.engine.volumes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.belljar.ByteSize;
import dev.belljar.InvalidOptionException;
import dev.belljar.Page;
import dev.belljar.PageRequest;
import dev.belljar.Snapshot;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.Volume;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.volumes.VolumeStore.Opened;
import dev.belljar.spi.StorageLimits;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.FutureTask;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** With the host's own tools and without machines. */
@Timeout(60)
class VolumeStoreTest {
  private static final String ME = "me";
  private static final ByteSize SIZE = ByteSize.parse("300MB");

  @TempDir private Path directory;
  private Instant now = Instant.parse("2030-01-01T00:00:00Z");
  private VolumeStore store;
  private BootImage image;

  @BeforeEach
  void open() throws IOException {
    Path root = Files.createDirectories(directory.resolve("image"));
    Files.writeString(root.resolve(BootImage.NAME), "an image");
    image = new BootImage("0123abcd", root);
    store = opened();
  }

  private VolumeStore opened() throws IOException {
    return Disks.store(directory.resolve("storage"), Disks.merger(), () -> now);
  }

  @AfterEach
  void close() throws IOException {
    store.close();
  }

  private Volume create(String slug) {
    return store.create(ME, VolumeOptions.of(slug, SIZE), image);
  }

  private Volume createFrom(String slug, String origin) {
    return store.create(ME, VolumeOptions.of(slug, SIZE).from(origin), image);
  }

  private Set<String> layerFiles() {
    Path layers = directory.resolve("storage/layers");
    try (Stream<Path> all = Files.walk(layers)) {
      return all.filter(Files::isRegularFile)
          .map(file -> String.valueOf(file.getFileName()))
          .collect(Collectors.toSet());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void refuses(Reason reason, Runnable work) {
    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(work::run)
        .satisfies(e -> assertThat(e.reason()).isEqualTo(reason));
  }

  @Test
  void whatIsMadeIsThereByIdAndBySlugAlsoForTheNextProcess() throws IOException {
    Volume made = create("data");
    assertThat(made.id()).matches("vol_loc_[0-9a-hjkmnp-z]{20}");
    assertThat(made.capacity()).isEqualTo(300_000_000);
    assertThat(made.bootable()).isFalse();
    assertThat(made.allocatedSize()).isPositive().isEqualTo(made.flattenedSize());
    store.close();
    store = opened();
    assertThat(store.volume(ME, "data")).contains(made);
    assertThat(store.volume(ME, made.id())).contains(made);
  }

  @Test
  void aNameThatSomethingElseHasIsSaidToItsOwnerAlone() {
    create("data");
    store.snapshot(ME, "data", "frozen");
    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(() -> store.deleteVolume(ME, "frozen"))
        .withMessageContaining("no volume 'frozen', but a snapshot of that name");
    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(() -> store.deleteSnapshot(ME, "data"))
        .withMessageContaining("no snapshot 'data', but a volume of that name");
    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(() -> store.deleteVolume("other", "frozen"))
        .withMessageNotContaining("snapshot");
    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(() -> store.deleteSnapshot("other", "data"))
        .withMessageNotContaining("volume");
  }

  @Test
  void theImageIsSaidToBeNoRootToBeNamed() {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> store.openRoot(ME, VolumeOptions.BUILTIN, "sbx"))
        .withMessageContaining("boots from that names no root")
        .withMessageContaining("--from builtin:debian-13");
  }

  @Test
  void aSnapshotOfWhatAnotherProcessRunsSaysHowToHaveOne() throws IOException {
    create("data");
    try (VolumeStore other = opened();
        Opened held = other.openVolume(ME, "data", "sbx")) {
      assertThat(held.writable()).isTrue();
      assertThatExceptionOfType(StorageException.class)
          .isThrownBy(() -> store.snapshot(ME, "data", "frozen"))
          .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.BUSY))
          .withMessageContaining("sandbox sbx has it")
          .withMessageContaining("run it on a server");
    }
    try (VolumeStore other = opened();
        Opened held = other.openVolume(ME, "data", "a check")) {
      assertThat(held.writable()).isTrue();
      assertThatExceptionOfType(StorageException.class)
          .isThrownBy(() -> store.snapshot(ME, "data", "frozen"))
          .withMessageContaining("a check has it")
          .withMessageNotContaining("server");
    }
    try (Opened held = store.openVolume(ME, "data", "sbx")) {
      assertThat(held.writable()).isTrue();
      assertThatExceptionOfType(StorageException.class)
          .isThrownBy(() -> store.snapshot(ME, "data", "frozen"))
          .withMessageContaining("sandbox sbx has it")
          .withMessageNotContaining("server");
    }
  }

  @Test
  void anotherOwnerSeesNothingOfIt() {
    Volume made = create("data");
    store.snapshot(ME, "data", "frozen");
    for (String name : List.of("data", made.id())) {
      assertThat(store.volume("other", name)).isEmpty();
      refuses(Reason.NOT_FOUND, () -> store.deleteVolume("other", name));
      refuses(Reason.NOT_FOUND, () -> store.restore("other", name));
      refuses(Reason.NOT_FOUND, () -> store.snapshot("other", name, "mine"));
      refuses(Reason.NOT_FOUND, () -> store.openVolume("other", name, "sbx"));
      refuses(Reason.NOT_FOUND, () -> store.openRoot("other", name, "sbx"));
    }
    assertThat(store.snapshot("other", "frozen")).isEmpty();
    refuses(Reason.NOT_FOUND, () -> store.deleteSnapshot("other", "frozen"));
    refuses(
        Reason.NOT_FOUND,
        () -> store.create("other", VolumeOptions.of("x", SIZE).from("frozen"), image));
    assertThat(store.volumes("other", PageRequest.FIRST).items()).isEmpty();
    assertThat(store.snapshots("other", PageRequest.FIRST).items()).isEmpty();
    // Nor does its name get in the way.
    store.create("other", VolumeOptions.of("data", SIZE), image);
  }

  @Test
  void aNameIsTakenOnceByAVolumeOrASnapshot() {
    create("data");
    store.snapshot(ME, "data", "frozen");
    refuses(Reason.SLUG_TAKEN, () -> create("data"));
    refuses(Reason.SLUG_TAKEN, () -> create("frozen"));
    refuses(Reason.SLUG_TAKEN, () -> store.snapshot(ME, "data", "data"));
    refuses(Reason.SLUG_TAKEN, () -> store.snapshot(ME, "data", "frozen"));
    assertThat(layerFiles()).hasSize(2);
  }

  @ParameterizedTest
  @ValueSource(strings = {"299MB", "1", "21GiB", "9000000TB"})
  void aCapacityOutOfBoundsIsRefused(String capacity) {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> store.create(ME, VolumeOptions.of("x", ByteSize.parse(capacity)), image))
        .withMessageContaining("out of bounds");
    assertThat(directory.resolve("storage/layers")).doesNotExist();
  }

  @Test
  void aDeletedVolumeFreesItsNameAndCanBeRestoredForADay() {
    Volume made = create("data");
    store.deleteVolume(ME, "data");
    assertThat(store.volume(ME, "data")).isEmpty();
    assertThat(store.volumes(ME, PageRequest.FIRST).items()).isEmpty();
    assertThat(store.volume(ME, made.id()).orElseThrow().deletedAt()).contains(now);
    Volume second = create("data");
    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(() -> store.restore(ME, "data"))
        .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.SLUG_TAKEN))
        .withMessageContaining("Delete that, then restore this volume by its id, '" + made.id());
    store.deleteVolume(ME, second.id());
    now = now.plus(Duration.ofHours(23));
    assertThat(store.restore(ME, made.id()).slug()).isEqualTo("data");
    now = now.plus(Duration.ofHours(2));
    store.collect();
    refuses(Reason.NOT_FOUND, () -> store.restore(ME, second.id()));
    assertThat(layerFiles()).hasSize(1);
  }

  @Test
  void aDeletedVolumeIsRestoredAlsoWhereThereAreAsManyAsThereMayBe() throws IOException {
    create("data");
    CatalogFile file = new CatalogFile(directory.resolve("storage"));
    Catalog catalog = file.read();
    Catalog.Disk one = catalog.volumes().getFirst();
    List<Catalog.Disk> snapshots = new ArrayList<>();
    for (int i = 1; i < 1000; i++) {
      snapshots.add(
          new Catalog.Disk(
              "snp_loc_" + i,
              ME,
              "frozen-" + i,
              one.region(),
              one.capacity(),
              one.created(),
              one.top(),
              one.image(),
              Optional.empty(),
              Optional.empty(),
              Optional.empty()));
    }
    file.write(new Catalog(catalog.layers(), catalog.volumes(), snapshots, List.of()));
    store.deleteVolume(ME, "data");
    refuses(Reason.FULL, () -> create("more"));
    assertThat(store.restore(ME, "data").slug()).isEqualTo("data");
  }

  @Test
  void aSnapshotSharesItsLayersUntilNothingNeedsThem() {
    create("data");
    Snapshot frozen = store.snapshot(ME, "data", "frozen");
    assertThat(frozen.volume().slug()).isEqualTo("data");
    assertThat(frozen.allocatedSize()).isEqualTo(frozen.flattenedSize());
    Volume copy = createFrom("copy", "frozen");
    assertThat(copy.baseSnapshot()).contains(new Volume.Origin(frozen.id(), "frozen"));
    assertThat(copy.flattenedSize()).isGreaterThan(copy.allocatedSize());
    assertThat(layerFiles()).hasSize(3);
    store.deleteSnapshot(ME, "frozen");
    store.deleteVolume(ME, "data");
    now = now.plus(Duration.ofHours(25));
    store.collect();
    // The copy stands on the first layer.
    assertThat(layerFiles()).hasSize(2);
    assertThat(store.volume(ME, "copy").orElseThrow().baseSnapshot()).isEmpty();
    store.deleteVolume(ME, "copy");
    now = now.plus(Duration.ofHours(25));
    store.collect();
    assertThat(layerFiles()).isEmpty();
  }

  @Test
  void listsComeInPartsAndCanBeSearched() {
    for (int i = 0; i < 7; i++) {
      now = now.plusNanos(1);
      create("data-" + i);
    }
    create("other");
    List<String> seen = new ArrayList<>();
    Optional<String> cursor = Optional.empty();
    do {
      Page<Volume> page = store.volumes(ME, new PageRequest(cursor, 3, Optional.of("data")));
      page.items().forEach(volume -> seen.add(volume.slug()));
      cursor = page.next();
      if (seen.size() == 3) {
        // What is deleted meanwhile is left out, and nothing else is.
        store.deleteVolume(ME, "data-2");
        store.deleteVolume(ME, "data-3");
      }
    } while (cursor.isPresent());
    assertThat(seen).containsExactly("data-0", "data-1", "data-2", "data-4", "data-5", "data-6");
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(
            () ->
                store.volumes(ME, new PageRequest(Optional.of("vol_loc_x"), 3, Optional.empty())));
  }

  @Test
  void aListThatIsDeletedPageByPageComesToItsEnd() {
    create("data");
    for (int i = 0; i < 5; i++) {
      now = now.plusNanos(1);
      store.snapshot(ME, "data", "frozen-" + i);
    }
    List<String> seen = new ArrayList<>();
    Optional<String> cursor = Optional.empty();
    do {
      Page<Snapshot> page = store.snapshots(ME, new PageRequest(cursor, 2, Optional.empty()));
      for (Snapshot snapshot : page.items()) {
        seen.add(snapshot.slug());
        store.deleteSnapshot(ME, snapshot.id());
      }
      cursor = page.next();
    } while (cursor.isPresent());
    assertThat(seen).containsExactly("frozen-0", "frozen-1", "frozen-2", "frozen-3", "frozen-4");
  }

  @Test
  void aVolumeIsOpenOnceAndASnapshotOften() throws IOException {
    createFrom("root", VolumeOptions.BUILTIN);
    Opened held = store.openRoot(ME, "root", "sbx_one");
    try (VolumeStore other = opened()) {
      refuses(Reason.BUSY, () -> other.openRoot(ME, "root", "sbx_two"));
      refuses(Reason.BUSY, () -> other.deleteVolume(ME, "root"));
      refuses(Reason.BUSY, () -> other.snapshot(ME, "root", "frozen"));
      assertThat(other.volume(ME, "root").orElseThrow().holder()).contains("sbx_one");
      held.close();
      other.snapshot(ME, "root", "frozen");
      try (Opened one = other.openRoot(ME, "frozen", "sbx_two");
          Opened two = store.openRoot(ME, "frozen", "sbx_three")) {
        assertThat(one.writable()).isFalse();
        assertThat(one.layers()).isEqualTo(two.layers()).hasSize(1);
        other.deleteSnapshot(ME, "frozen");
        store.deleteVolume(ME, "root");
        now = now.plus(Duration.ofHours(25));
        store.collect();
        assertThat(one.layers().getFirst()).exists();
        assertThat(store.imageDirectory("0123abcd")).exists();
      }
    }
    store.collect();
    assertThat(layerFiles()).isEmpty();
    assertThat(store.imageDirectory("0123abcd")).doesNotExist();
  }

  @Test
  void whatNothingRefersToIsRemovedAtTheNextOpening() throws IOException {
    create("data");
    store.close();
    Path orphan = Files.createDirectories(directory.resolve("storage/layers/orphan"));
    Files.writeString(orphan.resolve("orphan.qcow2"), "x");
    Files.writeString(orphan.resolve("orphan.qcow2.raw"), "x");
    store = opened();
    assertThat(orphan).doesNotExist();
    assertThat(layerFiles()).hasSize(1);
  }

  @Test
  void aDamagedLayerIsSaidBeforeAMachineGetsIt() throws IOException {
    create("data");
    Path file;
    try (Opened opened = store.openVolume(ME, "data", "sbx")) {
      file = opened.layers().getFirst();
    }
    byte[] whole = Files.readAllBytes(file);
    byte[] external = whole.clone();
    external[79] |= 4; // an external data file
    for (byte[] bytes : List.of(external, new byte[200], new byte[0])) {
      Files.write(file, bytes, StandardOpenOption.TRUNCATE_EXISTING);
      refuses(Reason.DAMAGED, () -> store.openVolume(ME, "data", "sbx"));
    }
    Files.delete(file);
    refuses(Reason.DAMAGED, () -> store.openVolume(ME, "data", "sbx"));
    assertThat(store.volume(ME, "data").orElseThrow().holder()).isEmpty();
  }

  /** Whatever stands where the head should be, it is no snapshot, and the volume stays as it is. */
  @ParameterizedTest
  @ValueSource(strings = {"zeros", "short", "cut off", "external", "backing", "missing"})
  void aHeadThatIsNoneBecomesNoSnapshot(String how) throws IOException {
    create("data");
    Path head;
    try (Opened opened = store.openVolume(ME, "data", "sbx")) {
      head = opened.layers().getFirst();
      Disks.write(List.of(head), 200_000, 7);
    }
    byte[] bytes = Files.readAllBytes(head);
    int length = bytes.length;
    switch (how) {
      case "zeros" -> Arrays.fill(bytes, (byte) 0);
      case "short" -> length = 100;
      case "cut off" -> length = bytes.length / 2;
      case "external" -> bytes[79] |= 4;
      case "backing" -> bytes[14] = 2; // its name is at 512
      default -> length = -1;
    }
    if (length < 0) {
      Files.delete(head);
    } else {
      Files.write(head, Arrays.copyOf(bytes, length), StandardOpenOption.TRUNCATE_EXISTING);
    }
    List<Runnable> uses =
        List.of(
            () -> store.snapshot(ME, "data", "frozen"),
            () -> store.openVolume(ME, "data", "sbx"),
            () -> export("data"));
    for (Runnable use : uses) {
      assertThatExceptionOfType(StorageException.class)
          .isThrownBy(use::run)
          .withMessageContaining("'data' cannot be used")
          .withMessageContaining("belljar data check")
          .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.DAMAGED));
    }
    assertThat(store.snapshot(ME, "frozen")).isEmpty();
    assertThat(store.volume(ME, "data").orElseThrow().holder()).isEmpty();
    assertThat(layerFiles()).hasSize(length < 0 ? 0 : 1);
    DataReport report =
        DataCheck.run(directory.resolve("storage"), Disks.tools(), () -> now, text -> {});
    assertThat(report.disks().stream().flatMap(disk -> disk.damage().stream())).isNotEmpty();
  }

  @Test
  void aHeadThatGoesWhileItsGuestStandsStillIsSaid() throws IOException {
    create("data");
    try (Opened opened = store.openVolume(ME, "data", "sbx")) {
      Path head = opened.layers().getFirst();
      store.runs(opened.id(), new Losing(head, false));
      saysMissing("'data'", head, () -> store.snapshot(ME, "data", "frozen"));
      assertThat(store.snapshot(ME, "frozen")).isEmpty();
    }
  }

  /** After the catalog was written: then the volume has a new head above what is gone. */
  @Test
  void aHeadThatGoesWhileItsMachineIsSwitchedIsSaid() throws IOException {
    create("data");
    try (Opened opened = store.openVolume(ME, "data", "sbx")) {
      Path head = opened.layers().getFirst();
      store.runs(opened.id(), new Losing(head, true));
      saysMissing("'data'", head, () -> store.snapshot(ME, "data", "frozen"));
      assertThat(store.snapshot(ME, "frozen")).isEmpty();
    }
  }

  /** Stands for a machine under which its head is removed. */
  private record Losing(Path head, boolean later) implements RunningDisk {
    @Override
    public void admit(Path file) {}

    @Override
    public void freeze() throws IOException {
      if (!later) {
        Files.delete(head);
      }
    }

    @Override
    public boolean switchTo(Path file) throws IOException {
      Files.delete(head);
      return true;
    }

    @Override
    public void thaw() {}
  }

  @Test
  void aSmallerVolumeThanItsSnapshotIsRefused() {
    store.create(ME, VolumeOptions.of("large", ByteSize.parse("2GB")), image);
    store.snapshot(ME, "large", "frozen");
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> createFrom("small", "frozen"))
        .withMessageContaining("less than");
  }

  @Test
  void aSnapshotTakesTheSameWhateverTheSize() {
    store.create(ME, VolumeOptions.of("large", ByteSize.parse("20GB")), image);
    long before = store.volume(ME, "large").orElseThrow().flattenedSize();
    store.snapshot(ME, "large", "frozen");
    assertThat(store.volume(ME, "large").orElseThrow().allocatedSize()).isLessThan(1 << 20);
    assertThat(before).isLessThan(64 << 20);
  }

  /** As where the host's disk is full. */
  @Test
  void whatCouldNotBeMadeLeavesNothing() throws IOException {
    Volume made = create("data");
    store.snapshot(ME, "data", "frozen");
    Set<String> before = layerFiles();
    Path none = Path.of("/bin/false");
    try (VolumeStore failing =
        VolumeStore.open(
            directory.resolve("storage"),
            new DiskTools(none, none, Disks.tools().confined()),
            Disks.merger(),
            () -> now,
            Optional.empty(),
            Duration.ofDays(1))) {
      refuses(Reason.DAMAGED, () -> failing.snapshot(ME, "data", "second"));
      for (String from : List.of("frozen", VolumeOptions.BUILTIN)) {
        refuses(
            Reason.DAMAGED,
            () -> failing.create(ME, VolumeOptions.of("other", SIZE).from(from), image));
      }
      assertThat(layerFiles()).isEqualTo(before);
      try (Stream<Path> layers = Files.list(directory.resolve("storage/layers"))) {
        assertThat(layers).hasSize(2);
      }
      assertThat(store.volumes(ME, PageRequest.FIRST).items())
          .extracting(Volume::id)
          .containsExactly(made.id());
      failing.deleteVolume(ME, "data");
    }
  }

  @Test
  void anOwnerMayHaveSoMuchAndTheMessageSaysHowMuch() {
    store.limit(ME, new StorageLimits(ByteSize.parse("1GB"), 4));
    create("one");
    create("two");
    create("three");
    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(() -> create("four"))
        .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.FULL))
        .withMessageContaining("limit of");
    // What is deleted takes room until it is gone.
    store.deleteVolume(ME, "three");
    refuses(Reason.FULL, () -> create("four"));
    store.snapshot(ME, "one", "frozen");
    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(() -> store.snapshot(ME, "one", "more"))
        .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.FULL))
        .withMessageContaining("limit is 4");
    assertThat(store.create("other", VolumeOptions.of("four", SIZE), image)).isNotNull();
    now = now.plus(Duration.ofHours(25));
    store.collect();
    create("four");
  }

  @Test
  void deletedVolumesAreKeptForAsLongAsTheDirectoryWasTold() throws IOException {
    store.close();
    Optional<Duration> week = Optional.of(Duration.ofDays(7));
    store =
        VolumeStore.open(
            directory.resolve("storage"),
            Disks.tools(),
            Disks.merger(),
            () -> now,
            week,
            Duration.ofHours(1));
    Volume made = create("data");
    store.deleteVolume(ME, "data");
    now = now.plus(Duration.ofDays(6));
    store.close();
    // Who was not told removes nothing earlier.
    store = opened();
    assertThat(store.restore(ME, made.id()).slug()).isEqualTo("data");
    store.deleteVolume(ME, "data");
    now = now.plus(Duration.ofDays(8));
    store.collect();
    refuses(Reason.NOT_FOUND, () -> store.restore(ME, made.id()));
  }

  /** Stands for a machine that refuses another file, or of which nobody knows. */
  private record Unwilling(boolean known) implements RunningDisk {
    @Override
    public void admit(Path file) {}

    @Override
    public void freeze() {}

    @Override
    public boolean switchTo(Path file) throws IOException {
      if (known) {
        return false;
      }
      throw new IOException("no answer");
    }

    @Override
    public void thaw() {}
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void whateverAMachineWroteToIsInTheVolume(boolean known) {
    create("data");
    Path written;
    try (Opened opened = store.openVolume(ME, "data", "sbx")) {
      written = opened.layers().getFirst();
      store.runs(opened.id(), new Unwilling(known));
      refuses(Reason.BUSY, () -> store.snapshot(ME, "data", "frozen"));
      assertThat(store.snapshot(ME, "frozen")).isEmpty();
    }
    try (Opened again = store.openVolume(ME, "data", "sbx")) {
      assertThat(again.layers()).hasSize(known ? 1 : 2).contains(written);
    }
  }

  @Test
  void aVolumeIsNotGivenAwayWhileASnapshotOfItIsMade() throws Exception {
    create("data");
    for (int i = 0; i < 15; i++) {
      String slug = "frozen-" + i;
      FutureTask<Boolean> making =
          new FutureTask<>(
              () -> {
                try {
                  store.snapshot(ME, "data", slug);
                  return true;
                } catch (StorageException e) {
                  return false;
                }
              });
      Thread.ofVirtual().start(making);
      try (Opened opened = store.openVolume(ME, "data", "sbx")) {
        making.get();
        assertThat(store.volume(ME, "data").orElseThrow().holder()).contains("sbx");
        try (Opened frozen = makesSnapshotOf(slug)) {
          assertThat(frozen.layers()).doesNotContain(opened.layers().getFirst());
        }
      } catch (StorageException e) {
        assertThat(e.reason()).isEqualTo(Reason.BUSY);
        making.get();
      }
      if (store.snapshot(ME, slug).isPresent()) {
        store.deleteSnapshot(ME, slug);
      }
    }
  }

  /** A volume made from it, opened; nothing where there is none. */
  private Opened makesSnapshotOf(String slug) {
    if (store.snapshot(ME, slug).isEmpty()) {
      return new Opened("", List.of(), 0, false, Optional.empty(), () -> {});
    }
    store.create(ME, VolumeOptions.of("of-" + slug, SIZE).from(slug), image);
    return store.openVolume(ME, "of-" + slug, "sbx");
  }

  private static void saysMissing(String what, Path layer, Runnable work) {
    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(work::run)
        .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.DAMAGED))
        .withMessageContaining(what)
        .withMessageContaining(String.valueOf(layer.getFileName()))
        .withMessageContaining("missing");
  }

  @Test
  void aLayerThatIsMissingIsSaidByItsNameAndThatOfTheVolume() throws IOException {
    createFrom("root", VolumeOptions.BUILTIN);
    store.snapshot(ME, "root", "frozen");
    List<Path> layers;
    try (Opened opened = store.openRoot(ME, "root", "sbx")) {
      layers = opened.layers();
    }
    Path head = layers.getFirst();
    Files.delete(head);
    saysMissing("'root'", head, () -> store.openVolume(ME, "root", "sbx"));
    saysMissing("'root'", head, () -> store.openRoot(ME, "root", "sbx"));
    saysMissing("", head, () -> store.snapshot(ME, "root", "more"));
    saysMissing("'root'", head, () -> export("root"));
    store.openRoot(ME, "frozen", "sbx").close();
    Path below = layers.getLast();
    Files.delete(below);
    saysMissing("'frozen'", below, () -> store.openRoot(ME, "frozen", "sbx"));
    // It can be got rid of.
    store.deleteVolume(ME, "root");
    store.deleteSnapshot(ME, "frozen");
  }

  private void export(String name) {
    try {
      store.exportTo(ME, name, false, OutputStream.nullOutputStream());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void aHeadThatGoesWhileAMachineHasItIsSaidToTheNextOne() throws IOException {
    create("data");
    Path head;
    try (Opened opened = store.openVolume(ME, "data", "sbx")) {
      store.runs(opened.id(), new QuietDisk());
      store.snapshot(ME, "data", "frozen");
      Catalog catalog = new CatalogFile(directory.resolve("storage")).read();
      Catalog.Layer top = catalog.layer(catalog.volumes().getFirst().top()).orElseThrow();
      head = new LayerFiles(directory.resolve("storage/layers")).fileOf(top);
      Files.delete(head);
    }
    saysMissing("'data'", head, () -> store.openVolume(ME, "data", "sbx"));
    store.deleteVolume(ME, "data");
  }

  @Test
  void whatLiesAroundAmongLayersStopsNothing() throws IOException {
    Volume made = create("data");
    Path layers = directory.resolve("storage/layers");
    Path stray = Files.writeString(layers.resolve("notes.txt"), "x");
    Path elsewhere = Files.createDirectories(directory.resolve("elsewhere"));
    Path kept = Files.writeString(elsewhere.resolve("kept"), "x");
    Files.createSymbolicLink(layers.resolve("link"), elsewhere);
    Files.createDirectories(layers.resolve("a/b"));
    store.collect();
    assertThat(stray).doesNotExist();
    assertThat(kept).exists();
    store.deleteVolume(ME, made.id());
    store.restore(ME, made.id());
    store.openVolume(ME, "data", "sbx").close();
  }

  /** Stands for a machine whose guest does not stand still, or not for long enough. */
  private record Restless(boolean freezes) implements RunningDisk {
    @Override
    public void admit(Path file) {}

    @Override
    public void freeze() throws IOException {
      if (!freezes) {
        throw new IOException("it took longer than 30 s");
      }
    }

    @Override
    public boolean switchTo(Path file) {
      return true;
    }

    @Override
    public void thaw() throws IOException {
      throw new IOException("it went on before");
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aGuestThatDoesNotStandStillHasNoSnapshotAndItsVolumeIsWhole(boolean freezes) {
    create("data");
    try (Opened opened = store.openVolume(ME, "data", "sbx")) {
      store.runs(opened.id(), new Restless(freezes));
      refuses(Reason.BUSY, () -> store.snapshot(ME, "data", "frozen"));
      assertThat(store.snapshot(ME, "frozen")).isEmpty();
      assertThat(layerFiles())
          .hasSize(freezes ? 2 : 1)
          .contains(String.valueOf(opened.layers().getFirst().getFileName()));
    }
    store.snapshot(ME, "data", "frozen");
    store.openVolume(ME, "data", "sbx").close();
  }
}
