package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import dev.belljar.InvalidOptionException;
import dev.belljar.engine.volumes.DiskTools;
import dev.belljar.engine.volumes.VolumeStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class HourlyCollectionTest {
  @TempDir private Path directory;

  private VolumeStore store(String name) throws IOException {
    DiskTools none =
        new DiskTools(
            directory,
            directory,
            (read, written, largest, limit, arguments) -> {
              throw new IOException("There is nothing to look at.");
            });
    return VolumeStore.open(
        directory.resolve(name),
        none,
        (files, kept, bytes) -> {
          throw new IOException("There is nothing to merge.");
        },
        InstantSource.system(),
        Optional.empty());
  }

  private Path orphan(String name) throws IOException {
    Path orphan = Files.createDirectories(directory.resolve(name).resolve("layers/orphan"));
    return Files.writeString(orphan.resolve("orphan.qcow2"), "x");
  }

  @Test
  void whatNothingRefersToIsRemovedInAllStoresAlsoAfterAFailure() throws IOException {
    ScheduledThreadPoolExecutor timer = new ScheduledThreadPoolExecutor(1);
    try (VolumeStore broken = store("broken");
        VolumeStore fine = store("fine")) {
      List<VolumeStore> stores = new CopyOnWriteArrayList<>(List.of(broken));
      Files.writeString(directory.resolve("broken/catalog.json"), "no JSON");
      Path first = orphan("fine");
      HourlyCollection.begin(timer, stores, Duration.ofMillis(20));
      stores.add(fine);
      await().until(() -> !Files.exists(first));
      Path second = orphan("fine");
      await().until(() -> !Files.exists(second));
    } finally {
      timer.shutdownNow();
    }
  }

  @Test
  void howLongDeletedVolumesAreKeptIsATime() {
    assertThat(VolumeGrace.parse("90m")).isEqualTo(Duration.ofMinutes(90));
    assertThat(VolumeGrace.parse("7d")).isEqualTo(Duration.ofDays(7));
    for (String text : List.of("7", "d", "-1d", "1w", "PT1H")) {
      assertThatExceptionOfType(InvalidOptionException.class)
          .isThrownBy(() -> VolumeGrace.parse(text))
          .withMessageContaining(VolumeGrace.VARIABLE);
    }
  }
}
