package dev.belljar.engine.volumes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.belljar.ByteSize;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.SmallDisk;
import dev.belljar.engine.volumes.VolumeStore.Opened;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The host's disk becomes full between two steps. */
@Timeout(60)
@SuppressWarnings("NullAway.Init") // by mount, before each test
class StoreDiskFullTest {
  private static final String ME = "me";
  private static final ByteSize SIZE = ByteSize.parse("300MB");

  @TempDir private Path image;
  private SmallDisk disk;
  private VolumeStore store;

  @BeforeEach
  void mount() throws Exception {
    Optional<SmallDisk> mounted = SmallDisk.mount("200M");
    assumeTrue(mounted.isPresent(), "nothing can be mounted here");
    disk = mounted.get();
    store =
        Disks.store(disk.directory().resolve("storage"), Disks.merger(), InstantSource.system());
    store.create(ME, VolumeOptions.of("data", SIZE), new BootImage("0123abcd", image));
  }

  @AfterEach
  void unmount() throws IOException {
    if (disk != null) {
      store.close();
      disk.close();
    }
  }

  /** Stands for a machine; the disk is full from when its guest stands still. */
  private final class Filling implements RunningDisk {
    private final List<String> steps = new ArrayList<>();

    @Override
    public void admit(Path file) {
      steps.add("admit");
    }

    @Override
    public void freeze() throws IOException {
      steps.add("freeze");
      try {
        disk.fill(0);
      } catch (InterruptedException e) {
        throw new IOException(e);
      }
    }

    @Override
    public boolean switchTo(Path file) {
      steps.add("switch");
      return true;
    }

    @Override
    public void thaw() {
      steps.add("thaw");
    }
  }

  @Test
  void aSnapshotThatCannotBeNotedIsNoneAndTheGuestGoesOn() throws Exception {
    Filling machine = new Filling();
    try (Opened opened = store.openVolume(ME, "data", "sbx")) {
      store.runs(opened.id(), machine);
      assertThatExceptionOfType(StorageException.class)
          .isThrownBy(() -> store.snapshot(ME, "data", "frozen"))
          .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.FULL));
      assertThat(machine.steps).containsExactly("admit", "freeze", "thaw");
      disk.makeRoom();
      assertThat(store.snapshot(ME, "frozen")).isEmpty();
      assertThat(files()).containsExactly(opened.layers().getFirst());
    }
    store.snapshot(ME, "data", "frozen");
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> all = Files.walk(disk.directory().resolve("storage/layers"))) {
      return all.filter(Files::isRegularFile).toList();
    }
  }
}
