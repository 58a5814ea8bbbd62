package dev.belljar.engine.volumes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.belljar.ByteSize;
import dev.belljar.PageRequest;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.Volume;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.storage.FileTree;
import dev.belljar.engine.volumes.VolumeStore.Opened;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What takes long for one owner stops nobody else: tools that hang, held by the test. */
@Timeout(60)
class LongWorkTest {
  private static final String SLOW = "slow";
  private static final String OTHER = "other";
  private static final ByteSize SIZE = ByteSize.parse("300MB");
  private static final ByteSize ANOTHER_SIZE = ByteSize.parse("400MB");

  @TempDir private Path directory;
  private final CountDownLatch checking = new CountDownLatch(1);
  private final CountDownLatch merging = new CountDownLatch(1);
  private final CountDownLatch go = new CountDownLatch(1);
  private volatile boolean checksHang;
  private volatile boolean mergesHang;
  private BootImage image;
  private VolumeStore store;

  @BeforeEach
  void open() throws IOException {
    Path root = Files.createDirectories(directory.resolve("image"));
    Files.writeString(root.resolve(BootImage.NAME), "an image");
    Files.writeString(root.resolve(BootImage.BLANK_DISK), "a disk");
    image = new BootImage("0123abcd", root);
    DiskTools real = Disks.tools();
    ConfinedDiskTool confined =
        (read, written, largest, limit, arguments) -> {
          if (checksHang) {
            checking.countDown();
            await(go);
          }
          return real.confined().run(read, written, largest, limit, arguments);
        };
    LayerMerger merger =
        (files, kept, bytes) -> {
          if (mergesHang) {
            mergesHang = false;
            merging.countDown();
            await(go);
          }
          Disks.merger().merge(files, kept, bytes);
        };
    store =
        VolumeStore.open(
            directory.resolve("storage"),
            new DiskTools(
                holdable(real.qemuImg(), "qemu-img"), holdable(real.mkfs(), "mkfs"), confined),
            merger,
            InstantSource.system(),
            Optional.empty(),
            Duration.ofHours(1));
    // Somebody who has a volume, in a machine and without one.
    store.create(OTHER, VolumeOptions.of("running", SIZE), image);
    store.create(OTHER, VolumeOptions.of("resting", SIZE), image);
  }

  @AfterEach
  void close() throws IOException {
    go.countDown();
    release();
    store.close();
  }

  private static void await(CountDownLatch latch) throws IOException {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
  }

  /** A tool that hangs the next time after {@link #hold}, until {@link #release}. */
  private Path holdable(Path tool, String name) throws IOException {
    Path script = directory.resolve(name);
    Files.writeString(
        script,
        """
        #!/bin/sh
        if mv '%1$s/hold-%2$s' '%1$s/held-%2$s' 2>/dev/null; then
          until [ -e '%1$s/go' ]; do sleep 0.02; done
        fi
        exec %3$s "$@"
        """
            .formatted(directory, name, tool));
    return Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private void hold(String tool) throws IOException {
    Files.createFile(directory.resolve("hold-" + tool));
  }

  private void release() throws IOException {
    Path file = directory.resolve("go");
    if (!Files.exists(file)) {
      Files.createFile(file);
    }
  }

  private void awaitHeld(String tool) {
    Awaitility.await().until(() -> Files.exists(directory.resolve("held-" + tool)));
  }

  private static <T> FutureTask<T> start(Callable<T> work) {
    FutureTask<T> task = new FutureTask<>(work);
    Thread.ofVirtual().start(task);
    return task;
  }

  /** All that others do, while somebody's work hangs. */
  private void othersGoOn() throws IOException {
    store.create(OTHER, VolumeOptions.of("new", SIZE), image);
    assertThat(store.volumes(OTHER, PageRequest.FIRST).items()).hasSize(3);
    store.snapshot(OTHER, "resting", "rested");
    store.create(OTHER, VolumeOptions.of("copy", SIZE).from("rested"), image);
    try (Opened opened = store.openVolume(OTHER, "running", "sbx")) {
      store.runs(opened.id(), new QuietDisk());
      store.snapshot(OTHER, "running", "ran");
      CheckpointDraft.Request request =
          new CheckpointDraft.Request(OTHER, "saved", "sbx", List.of(opened.id()), image, 0, 256);
      store.beginCheckpoint(request).close();
    }
    assertThat(store.snapshot(OTHER, "ran")).isPresent();
    store.exportTo(OTHER, "ran", false, OutputStream.nullOutputStream());
    store.deleteSnapshot(OTHER, "rested");
    store.deleteVolume(OTHER, "resting");
    store.restore(OTHER, "resting");
    store.collect();
  }

  private void othersGoOnBeside(FutureTask<?> slow) throws IOException {
    othersGoOn();
    assertThat(slow.isDone()).as("it still hangs").isFalse();
    release();
    go.countDown();
  }

  @Test
  void aFileSystemThatIsBeingMade() throws Exception {
    hold("mkfs");
    FutureTask<Volume> slow =
        start(() -> store.create(SLOW, VolumeOptions.of("data", SIZE), image));
    awaitHeld("mkfs");
    assertThat(store.volume(SLOW, "data")).isEmpty();
    othersGoOnBeside(slow);
    Volume made = slow.get();
    assertThat(store.volume(SLOW, "data")).contains(made);
    store.openVolume(SLOW, "data", "sbx").close();
  }

  @Test
  void anEmptyLayerThatIsBeingMadeForASnapshot() throws Exception {
    store.create(SLOW, VolumeOptions.of("data", ANOTHER_SIZE), image);
    hold("qemu-img");
    FutureTask<?> slow = start(() -> store.snapshot(SLOW, "data", "frozen"));
    awaitHeld("qemu-img");
    othersGoOnBeside(slow);
    slow.get();
    assertThat(store.snapshot(SLOW, "frozen")).isPresent();
  }

  @Test
  void anEmptyLayerThatIsBeingMadeForACheckpoint() throws Exception {
    String id = store.create(SLOW, VolumeOptions.of("data", ANOTHER_SIZE), image).id();
    try (Opened opened = store.openVolume(SLOW, "data", "sbx_slow")) {
      assertThat(opened.id()).isEqualTo(id);
      hold("qemu-img");
      CheckpointDraft.Request request =
          new CheckpointDraft.Request(SLOW, "saved", "sbx_slow", List.of(id), image, 0, 256);
      FutureTask<CheckpointDraft> slow = start(() -> store.beginCheckpoint(request));
      awaitHeld("qemu-img");
      othersGoOnBeside(slow);
      try (CheckpointDraft draft = slow.get()) {
        assertThat(draft.newHead(id)).exists();
      }
    }
  }

  /** On another disk, and a pipe that nobody writes to yet. */
  @Test
  void anImageThatIsBeingCopied() throws Exception {
    Path memory = Path.of("/dev/shm");
    assumeTrue(
        Files.isWritable(memory)
            && !Files.getFileStore(memory).equals(Files.getFileStore(directory)),
        "there is no other disk here");
    Path elsewhere = Files.createTempDirectory(memory, "belljar-test");
    try {
      Path pipe = elsewhere.resolve(BootImage.NAME);
      assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
      BootImage other = new BootImage("4567ef", elsewhere);
      FutureTask<Volume> slow =
          start(
              () ->
                  store.create(
                      SLOW, VolumeOptions.of("root", SIZE).from(VolumeOptions.BUILTIN), other));
      Awaitility.await().until(() -> layersNamed(".qcow2") == 3 && layersNamed(".raw") == 0);
      othersGoOnBeside(slow);
      Files.writeString(pipe, "another image");
      slow.get();
      Path kept = store.imageDirectory("4567ef").resolve(BootImage.NAME);
      assertThat(kept).hasContent("another image");
      assertThat(layersNamed(".image")).isZero();
    } finally {
      FileTree.delete(elsewhere);
    }
  }

  private long layersNamed(String suffix) throws IOException {
    try (Stream<Path> all = Files.walk(directory.resolve("storage/layers"))) {
      return all.filter(file -> file.toString().endsWith(suffix)).count();
    }
  }

  private void hasUncleanVolume() {
    String id = store.create(SLOW, VolumeOptions.of("data", SIZE), image).id();
    store.endedUncleanly(id);
    checksHang = true;
  }

  private void isLookedAt(Callable<?> work) throws Exception {
    FutureTask<?> slow = start(work);
    await(checking);
    checksHang = false;
    // Nobody else of its owner gets it meanwhile.
    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(() -> store.openVolume(SLOW, "data", "sbx_other"))
        .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.BUSY));
    othersGoOnBeside(slow);
    slow.get();
    assertThat(directory.resolve("storage/unclean")).isEmptyDirectory();
  }

  @Test
  void aVolumeThatIsLookedAtBeforeItIsOpened() throws Exception {
    hasUncleanVolume();
    isLookedAt(
        () -> {
          store.openVolume(SLOW, "data", "sbx_slow").close();
          return store;
        });
  }

  @Test
  void aVolumeThatIsLookedAtBeforeASnapshot() throws Exception {
    hasUncleanVolume();
    isLookedAt(() -> store.snapshot(SLOW, "data", "frozen"));
  }

  @Test
  void aVolumeThatIsLookedAtBeforeItIsExported() throws Exception {
    hasUncleanVolume();
    isLookedAt(
        () -> {
          store.exportTo(SLOW, "data", false, OutputStream.nullOutputStream());
          return store;
        });
  }

  /** Others get their room at the bound while a merge hangs in the background. */
  @Test
  void aMergeInTheBackground() throws Exception {
    store.create(SLOW, VolumeOptions.of("data", SIZE), image);
    store.snapshot(SLOW, "data", "one");
    store.snapshot(SLOW, "data", "two");
    store.deleteSnapshot(SLOW, "one");
    mergesHang = true;
    FutureTask<?> slow =
        start(
            () -> {
              store.merge();
              return store;
            });
    await(merging);
    for (int i = 0; i < 40; i++) {
      store.snapshot(OTHER, "running", "kept-" + i);
    }
    othersGoOnBeside(slow);
    slow.get();
  }

  /** Whoever needs what is being merged waits for so long and no longer. */
  @Test
  void aMergeOfTheSameLayers() throws Exception {
    store.create(SLOW, VolumeOptions.of("data", SIZE), image);
    for (int i = 0; i < 31; i++) {
      store.snapshot(SLOW, "data", "kept-" + i);
    }
    mergesHang = true;
    FutureTask<?> slow =
        start(
            () -> {
              store.merge();
              return store;
            });
    await(merging);
    try (StoreDirectory same =
            StoreDirectory.openAsItIs(
                directory.resolve("storage"), Disks.tools(), InstantSource.system());
        Merging impatient =
            new Merging(same, Disks.merger(), Duration.ofHours(1), Duration.ofMillis(200))) {
      assertThatExceptionOfType(StorageException.class)
          .isThrownBy(() -> impatient.makeRoom(SLOW, "data"))
          .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.BUSY))
          .withMessageContaining("'data' are being merged");
    }
    FutureTask<?> waiting = start(() -> store.snapshot(SLOW, "data", "another"));
    othersGoOn();
    assertThat(waiting.isDone()).isFalse();
    go.countDown();
    waiting.get();
    slow.get();
  }

  @Test
  void ofTwoVolumesOfOneNameThereIsOne() throws Exception {
    hold("mkfs");
    FutureTask<Volume> slow =
        start(() -> store.create(SLOW, VolumeOptions.of("data", SIZE), image));
    awaitHeld("mkfs");
    Volume first = store.create(SLOW, VolumeOptions.of("data", SIZE), image);
    release();
    assertThatExceptionOfType(ExecutionException.class)
        .isThrownBy(slow::get)
        .withRootCauseInstanceOf(StorageException.class)
        .withMessageContaining("'data' already");
    assertThat(store.volume(SLOW, "data")).contains(first);
    assertThat(layersNamed(".qcow2")).isEqualTo(3);
    assertThat(layersNamed(".raw")).isZero();
  }

  /** What it was to be made from is another layer by then, or is gone. */
  @Test
  void aSnapshotThatChangesWhileAVolumeIsMadeFromIt() throws Exception {
    store.create(SLOW, VolumeOptions.of("data", ANOTHER_SIZE), image);
    store.snapshot(SLOW, "data", "one");
    store.snapshot(SLOW, "data", "two");
    hold("qemu-img");
    FutureTask<Volume> slow =
        start(
            () ->
                store.create(
                    SLOW, VolumeOptions.of("copy", ByteSize.parse("500MB")).from("two"), image));
    awaitHeld("qemu-img");
    store.deleteSnapshot(SLOW, "one");
    store.merge();
    release();
    slow.get();
    try (Opened opened = store.openVolume(SLOW, "copy", "sbx")) {
      assertThat(opened.layers()).hasSize(2);
    }
    Files.delete(directory.resolve("go"));
    Files.delete(directory.resolve("held-qemu-img"));
    hold("qemu-img");
    FutureTask<Volume> late =
        start(
            () ->
                store.create(
                    SLOW, VolumeOptions.of("late", ByteSize.parse("600MB")).from("two"), image));
    awaitHeld("qemu-img");
    store.deleteSnapshot(SLOW, "two");
    release();
    assertThatExceptionOfType(ExecutionException.class)
        .isThrownBy(late::get)
        .withMessageContaining("no snapshot 'two'");
    assertThat(store.volume(SLOW, "late")).isEmpty();
  }
}
