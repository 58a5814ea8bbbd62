package dev.belljar.engine.volumes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import dev.belljar.ByteSize;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.volumes.VolumeStore.Opened;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** With QEMU's own copying and without a jail or machines. */
@Timeout(120)
class MergingTest {
  private static final String ME = "me";
  private static final ByteSize SIZE = ByteSize.parse("300MB");

  /** Kibibytes between those that are written to: some share a cluster, others do not. */
  private static final int APART = 24;

  @TempDir private Path directory;
  private Instant now = Instant.parse("2030-01-01T00:00:00Z");
  private VolumeStore store;
  private BootImage image;

  /** What the volume should hold: by kibibyte, the byte that it is full of. */
  private final Map<Integer, Integer> content = new TreeMap<>();

  @BeforeEach
  void open() throws IOException {
    image = new BootImage("0123abcd", Files.createDirectories(directory.resolve("image")));
    store = opened(Disks.merger());
    store.create(ME, VolumeOptions.of("data", SIZE), image);
  }

  private VolumeStore opened(LayerMerger merger) throws IOException {
    return Disks.store(directory.resolve("storage"), merger, () -> now);
  }

  private VolumeStore inTheBackground(LayerMerger merger) throws IOException {
    return VolumeStore.open(
        directory.resolve("storage"), Disks.tools(), merger, () -> now, Optional.empty());
  }

  /** Another process's, or the next one's, with a merger of its own. */
  private void reopen(LayerMerger merger) throws IOException {
    store.close();
    store = opened(merger);
  }

  @AfterEach
  void close() throws IOException {
    store.close();
  }

  private void write(int place, int value) throws IOException {
    try (Opened opened = store.openVolume(ME, "data", "sbx")) {
      Disks.write(opened.layers(), place * APART, value);
    }
    content.put(place * APART, value);
  }

  /** Makes a snapshot of what it says. */
  private Map<Integer, Integer> snapshot(String slug, int place, int value) throws IOException {
    write(place, value);
    store.snapshot(ME, "data", slug);
    return new TreeMap<>(content);
  }

  private void holds(List<Path> chain, Map<Integer, Integer> expected) throws IOException {
    List<Integer> found = Disks.read(chain, 50 * APART, directory.resolve("scratch"));
    Map<Integer, Integer> there = new TreeMap<>();
    expected.keySet().forEach(place -> there.put(place, found.get(place)));
    assertThat(there).isEqualTo(expected);
  }

  /** A volume that is made from a snapshot holds that, and is gone again. */
  private void snapshotHolds(String slug, Map<Integer, Integer> expected) throws IOException {
    store.create(ME, VolumeOptions.of("copy", SIZE).from(slug), image);
    try (Opened opened = store.openVolume(ME, "copy", "sbx")) {
      holds(opened.layers(), expected);
    }
    store.deleteVolume(ME, "copy");
  }

  private List<Path> chain() throws IOException {
    try (Opened opened = store.openVolume(ME, "data", "sbx")) {
      return opened.layers();
    }
  }

  private Set<Path> layerFiles() throws IOException {
    try (Stream<Path> all = Files.walk(directory.resolve("storage/layers"))) {
      return new TreeSet<>(all.filter(Files::isRegularFile).toList());
    }
  }

  /** No volume that is deleted and could be restored stands on layers any more. */
  private void aDayPasses() {
    now = now.plus(Duration.ofHours(25));
    store.collect();
  }

  @Test
  void snapshotsKeepTheirContentAndTheChainStaysShort() throws Exception {
    List<Map<Integer, Integer>> expected = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      expected.add(snapshot("s" + i, i % 7 == 0 ? 3 : i, i + 1));
      if (i % 3 == 0) {
        store.merge();
        assertThat(chain()).hasSizeLessThanOrEqualTo(MergePlan.DEEP);
      }
    }
    store.merge();
    assertThat(chain()).hasSizeLessThanOrEqualTo(MergePlan.DEEP);
    holds(chain(), content);
    for (int i = 0; i < 40; i += 3) {
      snapshotHolds("s" + i, expected.get(i));
    }
  }

  @Test
  void layersThatOnlyOneNeedsBecomeOne() throws Exception {
    Map<Integer, Integer> third = Map.of();
    for (int i = 0; i < 8; i++) {
      Map<Integer, Integer> made = snapshot("s" + i, i, 10 + i);
      third = i == 3 ? made : third;
    }
    assertThat(chain()).hasSize(9);
    for (int i = 0; i < 8; i++) {
      if (i != 3) {
        store.deleteSnapshot(ME, "s" + i);
      }
    }
    store.merge();
    // The head, what is above the snapshot, and the snapshot's.
    assertThat(chain()).hasSize(3);
    assertThat(layerFiles()).hasSize(3);
    holds(chain(), content);
    snapshotHolds("s3", third);
    store.deleteSnapshot(ME, "s3");
    aDayPasses();
    store.merge();
    assertThat(layerFiles()).hasSize(2);
    holds(chain(), content);
  }

  @Test
  void whatSandboxesHaveOpenStaysUntilTheyEnd() throws Exception {
    store.create(ME, VolumeOptions.of("root", SIZE).from(VolumeOptions.BUILTIN), bootImage());
    for (int i = 0; i < 4; i++) {
      store.snapshot(ME, "root", "r" + i);
    }
    try (Opened fromSnapshot = store.openRoot(ME, "r3", "sbx_one")) {
      for (String slug : List.of("r0", "r1", "r2", "r3")) {
        store.deleteSnapshot(ME, slug);
      }
      store.merge();
      try (Opened root = store.openRoot(ME, "root", "sbx_two")) {
        assertThat(root.layers()).hasSize(2).doesNotContainAnyElementsOf(fromSnapshot.layers());
      }
      assertThat(fromSnapshot.layers()).hasSize(4).allSatisfy(file -> assertThat(file).exists());
    }
    assertThat(layerFiles()).hasSize(3);
  }

  private BootImage bootImage() throws IOException {
    Files.writeString(image.directory().resolve(BootImage.NAME), "an image");
    return image;
  }

  @Test
  void whatAMachineMayWriteToIsNotMergedUntilItEnds() throws Exception {
    snapshot("s0", 0, 1);
    snapshot("s1", 1, 2);
    try (Opened held = store.openVolume(ME, "data", "sbx")) {
      store.runs(held.id(), new QuietDisk());
      for (int i = 2; i < 6; i++) {
        store.snapshot(ME, "data", "s" + i);
      }
      for (int i = 0; i < 6; i++) {
        store.deleteSnapshot(ME, "s" + i);
      }
      store.merge();
      // Four that it made, its head, and two that became one below; those two it has open.
      assertThat(layerFiles()).hasSize(8).containsAll(held.layers());
      holds(held.layers(), content);
    }
    assertThat(layerFiles()).hasSize(6);
    store.merge();
    assertThat(layerFiles()).hasSize(2);
    holds(chain(), content);
  }

  @Test
  void aChainAtTheBoundIsMergedBeforeItGetsAnotherLayer() throws Exception {
    Map<Integer, Integer> first = snapshot("s0", 0, 1);
    for (int i = 1; i < 70; i++) {
      store.snapshot(ME, "data", "s" + i);
    }
    assertThat(chain()).hasSizeLessThanOrEqualTo(32);
    snapshotHolds("s0", first);
    snapshotHolds("s69", first);
  }

  @Test
  void aMergeThatFailsIsSaidWhereItIsNeededAndLeavesNothing() throws Exception {
    reopen(
        (files, kept, bytes) -> {
          throw new IOException("no");
        });
    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(
            () -> {
              for (int i = 0; i < 40; i++) {
                store.snapshot(ME, "data", "s" + i);
              }
            })
        .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.FULL))
        .withMessageContaining("stands on 32 layers");
    store.merge();
    assertThat(layerFiles()).hasSize(32);
    reopen(Disks.merger());
    store.snapshot(ME, "data", "more");
  }

  @Test
  void whatIsChangedMeanwhileIsNotMerged() throws Exception {
    for (int i = 0; i < 4; i++) {
      snapshot("s" + i, i, 10 + i);
    }
    for (String slug : List.of("s0", "s1", "s2")) {
      store.deleteSnapshot(ME, slug);
    }
    try (VolumeStore other = opened(Disks.merger())) {
      List<Path> copies = new ArrayList<>();
      reopen(
          (files, kept, bytes) -> {
            Disks.merger().merge(files, kept, bytes);
            copies.add(files.getFirst());
            if (copies.size() == 1) {
              // Makes the layers in question those of somebody else.
              other.deleteSnapshot(ME, "s3");
              other.create(ME, VolumeOptions.of("new", SIZE), image);
              changeParents(files.get(2));
            }
          });
      store.merge();
      assertThat(copies).hasSize(2);
      assertThat(copies.getFirst()).doesNotExist();
      assertThat(chain()).hasSize(2).contains(copies.getLast());
      holds(chain(), content);
    }
  }

  /** As another process's merge does: another layer is in the place of one of those. */
  private void changeParents(Path replaced) throws IOException {
    CatalogFile file = new CatalogFile(directory.resolve("storage"));
    String old = String.valueOf(replaced.getFileName()).replace(".qcow2", "");
    Catalog catalog = file.read();
    Catalog.Layer layer = catalog.layer(old).orElseThrow();
    Catalog.Layer made = new Catalog.Layer("another", "another", layer.parent());
    Path there = directory.resolve("storage/layers/another");
    Files.createDirectories(there);
    Files.copy(replaced, there.resolve("another.qcow2"));
    file.write(catalog.withInPlaceOf(old, made));
  }

  @Test
  void whatOneProcessMergesAnotherLeavesAlone() throws Exception {
    snapshot("s0", 0, 1);
    snapshot("s1", 1, 2);
    store.deleteSnapshot(ME, "s0");
    List<Integer> merged = new ArrayList<>();
    reopen(
        (files, kept, bytes) -> {
          merged.add(files.size());
          try (VolumeStore other =
              opened((same, below, size) -> assertThat(same).as("nothing").isEmpty())) {
            other.merge();
          } catch (InterruptedException e) {
            throw new IOException(e);
          }
          Disks.merger().merge(files, kept, bytes);
        });
    store.merge();
    assertThat(merged).containsExactly(3);
    assertThat(chain()).hasSize(2);
    holds(chain(), content);
  }

  @Test
  void closingCutsAMergeOffAndLeavesNothing() throws Exception {
    snapshot("s0", 0, 1);
    snapshot("s1", 1, 2);
    store.deleteSnapshot(ME, "s0");
    Set<Path> before = layerFiles();
    CountDownLatch copying = new CountDownLatch(1);
    store.close();
    store =
        inTheBackground(
            (files, kept, bytes) -> {
              copying.countDown();
              try {
                Thread.sleep(Duration.ofHours(1));
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new InterruptedIOException("interrupted");
              }
            });
    copying.await();
    assertThat(layerFiles()).hasSize(before.size() + 1);
    store.close();
    assertThat(layerFiles()).isEqualTo(before);
    try (Stream<Path> leases = Files.list(directory.resolve("storage/leases"))) {
      assertThat(leases).isEmpty();
    }
    store = inTheBackground(Disks.merger());
    await().atMost(Duration.ofSeconds(30)).until(() -> chain().size() == 2);
    holds(chain(), content);
  }
}
