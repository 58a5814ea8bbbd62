package dev.belljar.server.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The file system of the data directory, a small one of its own, is full. */
@Timeout(60)
class FullDiskTest {
  @TempDir private Path directory;

  @Test
  void aStoreThatCouldNotWriteSaysSoAndWritesAgainWhenThereIsRoom() throws Exception {
    Path disk = Files.createDirectory(directory.resolve("disk"));
    assumeTrue(
        run("mount", "-t", "tmpfs", "-o", "size=2m", "belljar-test", disk.toString()) == 0,
        "only root mounts");
    try (MetadataStore store = MetadataStore.open(StoreConfig.embedded(disk))) {
      List<String> kept = new ArrayList<>();
      kept.add(store.tokens().create("acme", "first").secret());
      for (int round = 0; round < 3; round++) {
        fill(disk.resolve("filler"));
        assertThatExceptionOfType(StoreException.class)
            .isThrownBy(
                () -> {
                  for (int i = 0; i < 2000; i++) {
                    kept.add(store.tokens().create("acme", "many").secret());
                  }
                })
            .withMessageContaining(disk.toString());
        Files.delete(disk.resolve("filler"));
        kept.add(store.tokens().create("acme", "after").secret());
        for (String secret : kept) {
          assertThat(store.tokens().find(secret)).isPresent();
        }
      }
    } finally {
      assertThat(run("umount", disk.toString())).isZero();
    }
  }

  private static void fill(Path filler) throws IOException {
    try (var out = Files.newOutputStream(filler)) {
      while (true) {
        out.write(new byte[4096]);
      }
    } catch (IOException e) {
      assertThat(e).hasMessageContaining("No space left on device");
    }
  }

  private static int run(String... command) throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    return process.exitValue();
  }
}
