package dev.belljar.engine.volumes;

import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.PageRequest;
import dev.belljar.Volume;
import dev.belljar.engine.volumes.VolumeStore.Opened;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A process that ends between any two steps leaves everything as before or as after. */
@Timeout(120)
class CrashTest {
  @TempDir private Path directory;

  /** Each point as often as it is come by. */
  @ParameterizedTest
  @CsvSource({
    "CATALOG_WRITTEN, 1",
    "CATALOG_WRITTEN, 2",
    "CATALOG_WRITTEN, 3",
    "CATALOG_WRITTEN, 4",
    "CATALOG_WRITTEN, 5",
    "CATALOG_WRITTEN, 6",
    "CATALOG_WRITTEN, 7",
    "CATALOG_WRITTEN, 8",
    "CATALOG_WRITTEN, 9",
    "CATALOG_WRITTEN, 10",
    "MERGED, 1",
    "MERGE_COMMITTED, 1",
    "FILE_REMOVED, 2",
    "LEASED, 1",
    "LEASED, 2",
    "LAYER_MADE, 1",
    "LAYER_MADE, 2",
    "LAYER_MADE, 3",
    "LAYER_MADE, 4",
    "LOOKED_AT, 1",
    "LOOKED_AT, 2",
    "LOOKED_AT, 3",
    "LOOKED_AT, 4",
    "IMAGE_MADE, 1",
    "IMAGE_MADE, 2",
    "IMAGE_KEPT, 1",
    "IMAGE_KEPT, 2",
    "HEAD_COMMITTED, 1",
    "HEAD_COMMITTED, 2",
    "HEAD_SWITCHED, 1",
    "HEAD_SWITCHED, 2",
    "GUEST_FROZEN, 1",
    "GUEST_THAWED, 1",
    "CATALOG_WRITTEN, 11",
    "CATALOG_WRITTEN, 12",
    "CATALOG_WRITTEN, 13",
    "CATALOG_WRITTEN, 14",
    "LAYER_MADE, 5",
    "CHECKPOINT_COMMITTED, 1",
    "CHECKPOINT_SWITCHED, 1",
    "CHECKPOINT_COMPLETE, 1",
    "HEAD_LINKED, 1",
    "HEAD_LINKED, 2",
    "HEAD_MOVED, 1",
    "HEAD_MOVED, 2",
    "FILE_REMOVED, 1"
  })
  void whatACrashLeavesIsWhole(FaultPoint point, int time) throws Exception {
    Path storage = directory.resolve("storage");
    Path notes = directory.resolve("notes");
    Path image = Files.createDirectories(directory.resolve("image"));
    Process child =
        new ProcessBuilder(
                ProcessHandle.current().info().command().orElseThrow(),
                "-cp",
                System.getProperty("java.class.path"),
                CrashingStore.class.getName(),
                storage.toString(),
                notes.toString(),
                image.toString(),
                point.name(),
                String.valueOf(time))
            .inheritIO()
            .start();
    assertThat(child.waitFor(60, TimeUnit.SECONDS)).isTrue();
    List<String> said = Files.readAllLines(notes);
    boolean came = child.exitValue() != 0;
    assertThat(child.exitValue()).isIn(0, 137);
    assertThat(came || point == FaultPoint.FILE_REMOVED).as("it was come by").isTrue();
    try (VolumeStore store = Disks.store(storage, Disks.merger(), InstantSource.system())) {
      Optional<Volume> one = store.volume("me", "one");
      assertThat(one.isPresent() || !said.contains("created one")).isTrue();
      assertThat(store.snapshot("me", "running").isPresent())
          .isIn(expected(said, "snapshot running", "asks delete running", "deleted running"));
      if (said.contains("snapshot resting")) {
        assertThat(store.snapshot("me", "resting")).isPresent();
      }
      assertThat(store.checkpoint("me", "saved").isPresent())
          .isIn(expected(said, "checkpoint", "asks delete checkpoint", "deleted checkpoint"));
      if (one.isPresent()) {
        assertThat(one.get().holder()).isEmpty();
        try (Opened opened = store.openVolume("me", "one", "sbx")) {
          // Another machine, of another user, can read what lies below its head.
          assertThat(opened.layers().stream().skip(1))
              .allSatisfy(
                  layer ->
                      assertThat(Files.getPosixFilePermissions(layer))
                          .isEqualTo(PosixFilePermissions.fromString("r--r--r--")));
          if (said.contains("written")) {
            int places = CrashingStore.WRITTEN_AT + 1;
            assertThat(Disks.read(opened.layers(), places, directory.resolve("scratch")).getLast())
                .isEqualTo(CrashingStore.WRITTEN);
          }
          if (said.contains("written later")) {
            int places = CrashingStore.WRITTEN_LATER_AT + 1;
            assertThat(Disks.read(opened.layers(), places, directory.resolve("scratch")).getLast())
                .isEqualTo(CrashingStore.WRITTEN);
          }
          if (said.contains("merged")) {
            assertThat(opened.layers()).hasSizeBetween(2, said.contains("asks checkpoint") ? 3 : 2);
          }
        }
      }
      assertThat(layerFiles(storage)).hasSameSizeAs(new CatalogFile(storage).read().layers());
      assertThat(kept(storage)).isEqualTo(new CatalogFile(storage).read().images());
      // Another pass has nothing left to do, and nothing is lost that is referred to.
      Set<Path> before = files(storage);
      store.collect();
      assertThat(files(storage)).isEqualTo(before);
      for (Volume volume : store.volumes("me", PageRequest.FIRST).items()) {
        store.openVolume("me", volume.id(), "sbx").close();
      }
      store.merge();
      assertThat(layerFiles(storage))
          .hasSameSizeAs(new CatalogFile(storage).read().layers())
          .allMatch(file -> file.toString().endsWith(".qcow2"));
    }
  }

  /** What may be: nothing was promised yet, it was promised, its end was asked for or promised. */
  private static Set<Boolean> expected(
      List<String> said, String promised, String asked, String ended) {
    if (said.contains(ended)) {
      return Set.of(false);
    }
    if (said.contains(asked)) {
      return Set.of(true, false);
    }
    if (said.contains(promised)) {
      return Set.of(true);
    }
    return said.contains("asks " + promised) ? Set.of(true, false) : Set.of(false);
  }

  private static Set<String> kept(Path storage) throws IOException {
    Path images = storage.resolve("images");
    if (!Files.exists(images)) {
      return Set.of();
    }
    try (Stream<Path> all = Files.list(images)) {
      return all.map(image -> String.valueOf(image.getFileName())).collect(Collectors.toSet());
    }
  }

  private static Set<Path> layerFiles(Path storage) throws IOException {
    Path layers = storage.resolve("layers");
    return Files.exists(layers) ? files(layers) : Set.of();
  }

  private static Set<Path> files(Path below) throws IOException {
    try (Stream<Path> all = Files.walk(below)) {
      return new TreeSet<>(
          all.filter(Files::isRegularFile)
              .filter(file -> !file.toString().contains("/leases/"))
              .toList());
    }
  }
}
