package dev.belljar.engine.volumes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.belljar.ByteSize;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.volumes.DataReport.CheckedDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A process that names one directory in several ways keeps what it uses there. */
@Timeout(120)
class SpelledPathsTest {
  private static final String ME = "me";

  @TempDir private Path directory;

  enum Spelling {
    LINK,
    LINK_TO_WHAT_IS_ABOVE,
    RELATIVE,
    WITH_DOTS
  }

  private Path spelled(Spelling spelling, Path storage) throws IOException {
    return switch (spelling) {
      case LINK -> Files.createSymbolicLink(directory.resolve("link"), storage);
      case LINK_TO_WHAT_IS_ABOVE ->
          Files.createSymbolicLink(directory.resolve("above"), directory).resolve("storage");
      case RELATIVE -> Path.of("").toAbsolutePath().relativize(storage.toRealPath());
      case WITH_DOTS -> storage.resolve("../storage/.");
    };
  }

  @ParameterizedTest
  @EnumSource(Spelling.class)
  void whatIsInUseStaysWhenItIsCheckedByAnotherName(Spelling spelling) throws Exception {
    Path storage = directory.resolve("storage");
    BootImage none = new BootImage("0123abcd", directory);
    try (VolumeStore store = Disks.store(storage, Disks.merger(), InstantSource.system())) {
      store.create(ME, VolumeOptions.of("data", ByteSize.parse("300MB")), none);
      try (VolumeStore.Opened opened = store.openVolume(ME, "data", "sbx")) {
        assertThat(opened.layers()).isNotEmpty();
        DataReport report =
            DataCheck.run(
                spelled(spelling, storage), Disks.tools(), InstantSource.system(), step -> {});
        assertThat(report.damage()).isEmpty();
        assertThat(report.disks()).extracting(CheckedDisk::holder).contains(Optional.of("sbx"));
        assertThatExceptionOfType(StorageException.class)
            .isThrownBy(() -> store.deleteVolume(ME, "data"))
            .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.BUSY));
        assertThat(deletedElsewhere(storage)).isEqualTo(DeletingStore.BUSY);
      }
      assertThat(deletedElsewhere(storage)).isZero();
    }
  }

  private static int deletedElsewhere(Path storage) throws Exception {
    Process child =
        new ProcessBuilder(
                ProcessHandle.current().info().command().orElseThrow(),
                "-cp",
                System.getProperty("java.class.path"),
                DeletingStore.class.getName(),
                storage.toString(),
                ME,
                "data")
            .inheritIO()
            .start();
    assertThat(child.waitFor(60, TimeUnit.SECONDS)).isTrue();
    return child.exitValue();
  }
}
