package dev.belljar.engine.volumes;

import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.ByteSize;
import dev.belljar.Snapshot;
import dev.belljar.Volume;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.volumes.VolumeStore.Opened;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What is said of sizes, of volumes whose layers hold the same places of a disk. */
@Timeout(60)
class LayerSizesTest {
  private static final String ME = "me";
  private static final int FROM = 100;
  private static final int FILLED = 32;
  private static final Offset<Long> ABOUT = Offset.offset(1L << 20);

  @TempDir private Path directory;
  private VolumeStore store;

  @BeforeEach
  void open() throws IOException {
    store = Disks.store(directory.resolve("storage"), Disks.merger(), InstantSource.system());
    Path image = Files.createDirectories(directory.resolve("image"));
    Files.write(image.resolve(BootImage.NAME), new byte[5 << 20]);
    store.create(
        ME,
        VolumeOptions.of("data", ByteSize.parse("300MB")).from(VolumeOptions.BUILTIN),
        new BootImage("0123abcd", image));
  }

  @AfterEach
  void close() throws IOException {
    store.close();
  }

  private void fill(int value) throws IOException {
    try (Opened opened = store.openVolume(ME, "data", "sbx")) {
      Disks.fill(opened.layers(), FROM, FILLED, value);
    }
  }

  private Volume volume() {
    return store.volume(ME, "data").orElseThrow();
  }

  @Test
  void whatIsWrittenAgainAboveASnapshotCountsOnce() throws IOException {
    fill(1);
    long used = volume().usedSize();
    assertThat(used).isGreaterThan(FILLED << 20);
    store.snapshot(ME, "data", "one");
    fill(2);
    Snapshot two = store.snapshot(ME, "data", "two");
    fill(3);
    assertThat(volume().usedSize()).isCloseTo(used, ABOUT);
    assertThat(two.flattenedSize()).isCloseTo(used + (5 << 20), ABOUT);
    assertThat(volume().flattenedSize()).isEqualTo(volume().usedSize() + (5 << 20));
    // Of its own it has what is above the snapshots.
    assertThat(volume().allocatedSize()).isCloseTo((long) FILLED << 20, ABOUT);
    assertThat(store.snapshot(ME, "two").orElseThrow().allocatedSize())
        .isCloseTo((long) FILLED << 20, ABOUT);
  }

  @Test
  void whatIsDiscardedAboveASnapshotCountsNoMore() throws IOException {
    long used = volume().usedSize();
    fill(1);
    store.snapshot(ME, "data", "one");
    fill(0);
    assertThat(volume().usedSize()).isCloseTo(used, ABOUT);
    assertThat(store.snapshot(ME, "one").orElseThrow().flattenedSize()).isGreaterThan(FILLED << 20);
  }

  /** A machine may write what it likes. */
  @Test
  void tablesThatAreNoneAreNotFollowed() throws IOException {
    fill(1);
    store.snapshot(ME, "data", "one");
    fill(2);
    Path head;
    try (Opened opened = store.openVolume(ME, "data", "sbx")) {
      head = opened.layers().getFirst();
      for (long at : new long[] {36, 40, 0x30000}) {
        try (RandomAccessFile file = new RandomAccessFile(head.toFile(), "rw")) {
          file.seek(at);
          file.writeLong(-1);
        }
        assertThat(volume().usedSize()).isBetween(0L, (2L * FILLED + 10) << 20);
      }
    }
  }
}
