package dev.belljar.engine.volumes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.belljar.ByteSize;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.Volume;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.volumes.VolumeStore.Opened;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A volume whose sandbox was killed with its process is looked at before another one gets it. */
@Timeout(60)
class UncleanEndsTest {
  private static final String ME = "me";
  private static final int CLUSTER = 1 << 16;

  /** As qemu-img lays out its files: the block of reference counts is the third cluster. */
  private static final int COUNTS = 2 * CLUSTER;

  @TempDir private Path directory;
  private final AtomicInteger looked = new AtomicInteger();
  private VolumeStore store;
  private Volume volume;
  private Path head;

  @BeforeEach
  void open() throws IOException {
    DiskTools tools = Disks.tools();
    ConfinedDiskTool counted =
        (read, written, largest, limit, arguments) -> {
          looked.incrementAndGet();
          return tools.confined().run(read, written, largest, limit, arguments);
        };
    store =
        VolumeStore.open(
            directory,
            new DiskTools(tools.qemuImg(), tools.mkfs(), counted),
            Disks.merger(),
            InstantSource.system(),
            Optional.empty(),
            Duration.ofHours(1));
    volume =
        store.create(
            ME,
            VolumeOptions.of("data", ByteSize.parse("300MB")),
            new BootImage("0123abcd", directory));
    try (Opened opened = store.openVolume(ME, "data", "sbx_one")) {
      head = opened.layers().getFirst();
    }
  }

  @AfterEach
  void close() throws IOException {
    store.close();
  }

  /** What a process leaves that is killed while a sandbox of it has the volume. */
  private void killed() throws IOException {
    Path dead = Files.createDirectories(directory.resolve("leases/0badcafe"));
    Files.writeString(dead.resolve("1"), volume.id() + "\nsbx_dead\n" + head.getFileName());
    Files.writeString(directory.resolve("leases/0badcafe.lock"), "");
  }

  private void count(int cluster, int references) throws IOException {
    try (RandomAccessFile file = new RandomAccessFile(head.toFile(), "rw")) {
      file.seek(COUNTS + 2L * cluster);
      file.writeShort(references);
    }
  }

  private void refuses(Runnable work) {
    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(work::run)
        .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.DAMAGED))
        .withMessageContaining("belljar data check");
  }

  @Test
  void afterACleanEndNothingIsLookedAt() {
    store.openVolume(ME, "data", "sbx_two").close();
    store.snapshot(ME, "data", "frozen");
    assertThat(looked).hasValue(0);
  }

  @Test
  void afterAnUncleanEndItIsLookedAtOnce() throws IOException {
    killed();
    store.openVolume(ME, "data", "sbx_two").close();
    assertThat(looked).hasValue(1);
    store.openVolume(ME, "data", "sbx_three").close();
    assertThat(looked).hasValue(1);
  }

  @Test
  void aDamagedOneIsRefusedUntilItIsMended() throws IOException {
    killed();
    count(0, 0);
    refuses(() -> store.openVolume(ME, "data", "sbx_two"));
    refuses(() -> store.snapshot(ME, "data", "frozen"));
    store.collect();
    refuses(() -> store.openVolume(ME, "data", "sbx_two"));
    assertThat(store.volume(ME, "data").orElseThrow().holder()).isEmpty();
    count(0, 1);
    store.openVolume(ME, "data", "sbx_two").close();
    assertThat(directory.resolve("unclean")).isEmptyDirectory();
  }

  /** Giving the volume back moves its head away from what its machine wrote to before. */
  @Test
  void whatAMachineWroteToBeforeASnapshotIsLookedAtToo() throws IOException {
    try (Opened opened = store.openVolume(ME, "data", "sbx_two")) {
      store.runs(opened.id(), new Dying());
      assertThatExceptionOfType(StorageException.class)
          .isThrownBy(() -> store.snapshot(ME, "data", "frozen"))
          .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.BUSY));
      store.endedUncleanly(opened.id());
    }
    count(0, 0);
    refuses(() -> store.openVolume(ME, "data", "sbx_three"));
    count(0, 1);
    try (Opened opened = store.openVolume(ME, "data", "sbx_three")) {
      assertThat(opened.layers()).hasSize(2).contains(head);
    }
    assertThat(directory.resolve("unclean")).isEmptyDirectory();
  }

  /** Stands for a machine that ends before it writes to another file. */
  private static final class Dying implements RunningDisk {
    @Override
    public void admit(Path file) {}

    @Override
    public void freeze() {}

    @Override
    public boolean switchTo(Path file) throws IOException {
      throw new IOException("no answer");
    }

    @Override
    public void thaw() {}
  }

  @Test
  void whatItLeakedIsNoDamage() throws IOException {
    killed();
    int clusters = (int) ((Files.size(head) + CLUSTER - 1) / CLUSTER);
    try (RandomAccessFile file = new RandomAccessFile(head.toFile(), "rw")) {
      file.setLength((clusters + 1L) * CLUSTER);
    }
    count(clusters, 1);
    assertThat(LayerCheck.of(Disks.tools().confined(), head, LayerCheck.LONGEST).leaked())
        .isEqualTo(1);
    store.openVolume(ME, "data", "sbx_two").close();
    assertThat(looked).hasValue(1);
  }

  @Test
  void oneThatIsDeletedIsForgotten() throws IOException {
    killed();
    store.collect();
    Path noted = directory.resolve("unclean").resolve(volume.id());
    assertThat(noted).exists();
    Catalog catalog = new CatalogFile(directory).read();
    new CatalogFile(directory)
        .write(catalog.withOnly(disk -> !disk.id().equals(volume.id()), disk -> true, one -> true));
    store.collect();
    assertThat(noted).doesNotExist();
  }
}
