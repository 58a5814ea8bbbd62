package dev.belljar.engine.volumes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.belljar.ByteSize;
import dev.belljar.PageRequest;
import dev.belljar.Snapshot;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.volumes.SavedDisks.SavedDisk;
import dev.belljar.engine.volumes.VolumeStore.Opened;
import dev.belljar.spi.StorageLimits;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Snapshots and checkpoints of one volume at once: each gives it a new head, in its turn. */
@Timeout(60)
class NewHeadsTest {
  private static final String ME = "me";

  /** In which whoever waits for no turn would have come to its end. */
  private static final long LONG_ENOUGH_MILLIS = 1000;

  private static final int MOST = 256;

  @TempDir private Path directory;
  private VolumeStore store;
  private BootImage image;
  private Opened opened;

  @BeforeEach
  void open() throws IOException {
    Path root = Files.createDirectories(directory.resolve("image"));
    Files.writeString(root.resolve(BootImage.NAME), "an image");
    Files.writeString(root.resolve(BootImage.BLANK_DISK), "blank");
    image = new BootImage("0123abcd", root);
    store =
        Disks.store(
            directory.resolve("storage"),
            Disks.merger(),
            () -> Instant.parse("2030-01-01T00:00:00Z"));
    store.create(ME, VolumeOptions.of("data", ByteSize.parse("300MB")), image);
    opened = store.openVolume(ME, "data", "sbx");
    store.runs(opened.id(), new QuietDisk());
  }

  @AfterEach
  void close() throws IOException {
    FaultPoint.at(point -> {});
    opened.close();
    store.close();
  }

  private Snapshot snapshot(String slug) {
    return store.snapshot(ME, "data", slug);
  }

  private CheckpointDraft begin(String slug, int most) {
    return store.beginCheckpoint(
        new CheckpointDraft.Request(ME, slug, "sbx", List.of(opened.id()), image, 0, most));
  }

  private boolean checkpoint(String slug, int most) {
    try (CheckpointDraft draft = begin(slug, most)) {
      return commit(draft);
    }
  }

  private boolean commit(CheckpointDraft draft) {
    SavedDisk disk =
        new SavedDisk(
            1, opened.bytes(), List.of(), Optional.of(draft.top(opened.id())), Optional.empty());
    draft.commit(
        new MachineKind("qemu", 1, 1),
        new SavedDisks(image.hash(), List.of(), List.of(disk)),
        () -> true);
    draft.endTurns();
    draft.complete();
    return true;
  }

  /** Begins the second when the first has made its layer, and lets it come as far as it can. */
  private static void both(Callable<?> first, Callable<?> second) throws Exception {
    FutureTask<?> other = new FutureTask<>(second);
    AtomicBoolean begun = new AtomicBoolean();
    FaultPoint.at(
        point -> {
          if (point != FaultPoint.LAYER_MADE || !begun.compareAndSet(false, true)) {
            return;
          }
          Thread.ofVirtual().start(other);
          try {
            other.get(LONG_ENOUGH_MILLIS, TimeUnit.MILLISECONDS);
          } catch (TimeoutException e) {
            // It waits.
          } catch (Exception e) {
            throw new AssertionError(e);
          }
        });
    first.call();
    other.get();
  }

  private List<String> snapshots() {
    return store.snapshots(ME, PageRequest.FIRST).items().stream().map(Snapshot::slug).toList();
  }

  @Test
  void aSnapshotWaitsForAnother() throws Exception {
    both(() -> snapshot("one"), () -> snapshot("two"));
    assertThat(snapshots()).containsExactlyInAnyOrder("one", "two");
  }

  @Test
  void aCheckpointOfASandboxThatHasEndedLeavesTheVolumeToTheNext() throws Exception {
    try (CheckpointDraft draft = begin("saved", MOST)) {
      opened.close();
      opened = store.openVolume(ME, "data", "next");
      store.runs(opened.id(), new QuietDisk());

      assertThatExceptionOfType(StorageException.class)
          .isThrownBy(() -> commit(draft))
          .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.BUSY));
    }
    assertThat(store.checkpoint(ME, "saved")).isEmpty();
    assertThat(snapshot("one").slug()).isEqualTo("one");
  }

  @Test
  void aCheckpointWaitsForASnapshot() throws Exception {
    both(() -> snapshot("one"), () -> checkpoint("saved", MOST));
    assertThat(snapshots()).containsExactly("one");
    assertThat(store.checkpoint(ME, "saved")).isPresent();
  }

  @Test
  void aSnapshotWaitsForACheckpoint() throws Exception {
    both(() -> checkpoint("saved", MOST), () -> snapshot("one"));
    assertThat(snapshots()).containsExactly("one");
    assertThat(store.checkpoint(ME, "saved")).isPresent();
  }

  @Test
  void whatFailsGivesItsTurnBack() {
    snapshot("one");
    refuses(Reason.SLUG_TAKEN, () -> snapshot("one"));
    refuses(Reason.SLUG_TAKEN, () -> checkpoint("one", MOST));
    begin("given-up", MOST).close();
    snapshot("two");
    checkpoint("saved", MOST);
  }

  @Test
  void whatWasMadeMeanwhileCountsForACheckpoint() {
    store.limit(ME, new StorageLimits(ByteSize.parse("10GB"), 2));
    try (CheckpointDraft draft = begin("saved", MOST)) {
      store.create(ME, VolumeOptions.of("more", ByteSize.parse("300MB")), image);
      refuses(Reason.FULL, () -> commit(draft));
    }
    assertThat(store.checkpoint(ME, "saved")).isEmpty();
  }

  @Test
  void aCheckpointThatNoMachineCouldGoOnFromIsRefused() {
    snapshot("one");
    snapshot("two");
    // Three layers, and the one that is written to.
    assertThat(refuses(Reason.FULL, () -> checkpoint("saved", 3)))
        .hasMessageContainingAll("4 layers", "takes 3", "delete snapshots");
    assertThat(store.checkpoint(ME, "saved")).isEmpty();
    snapshot("three");
    checkpoint("saved", 5);
    assertThat(store.checkpoint(ME, "saved")).isPresent();
  }

  private static StorageException refuses(Reason reason, Runnable work) {
    StorageException[] refused = new StorageException[1];
    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(work::run)
        .satisfies(e -> assertThat(e.reason()).isEqualTo(reason))
        .satisfies(e -> refused[0] = e);
    return refused[0];
  }
}
