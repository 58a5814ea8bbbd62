package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.PoolOptions;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.SandboxPool;
import dev.belljar.engine.image.Image;
import dev.belljar.engine.image.ImageStore;
import dev.belljar.engine.storage.Directories;
import dev.belljar.engine.storage.FileTree;
import dev.belljar.spi.Tenant;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The same recipe gives another image when the archive of packages has moved on. */
@Timeout(300)
class RebuiltImageIT {
  private static final String ROOT = "root.erofs";
  private static final Duration LONG = Duration.ofMinutes(2);

  @Test
  void aMachineNeverMeetsTheFilesOfAnotherBuild(@TempDir Path cache) throws Exception {
    Directories own = new Directories(cache.resolve("cache"));
    own.makeAll();
    FileTree.delete(own.jails());
    Files.createSymbolicLink(own.jails(), Directories.ofUser().jails());
    Image image = new ImageStore(Directories.ofUser()).find().orElseThrow();
    Path ours = Files.createDirectories(own.images().resolve(image.hash()));
    try (Stream<Path> files = Files.list(image.directory())) {
      for (Path file : (Iterable<Path>) files::iterator) {
        if (!file.endsWith(ROOT)) {
          Files.createLink(ours.resolve(file.getFileName()), file);
        }
      }
    }
    Path root = image.directory().resolve(ROOT);
    Files.copy(root, ours.resolve(ROOT));
    FileTree.makeReadable(own.images());

    LocalEngine engine = new LocalEngine(own, step -> {});
    try (SandboxPool pool = engine.openPool(PoolOptions.of(1, 1))) {
      assertThat(pool.awaitReady(LONG)).isTrue();
      List<Path> before = templates(own);
      Path another = Files.copy(root, cache.resolve("another"));
      FileTree.makeReadable(another);
      Files.move(
          another,
          ours.resolve(ROOT),
          StandardCopyOption.ATOMIC_MOVE,
          StandardCopyOption.REPLACE_EXISTING);
      for (int i = 0; i < 3; i++) {
        try (Sandbox sandbox = engine.create(SandboxOptions.builder().build(), Tenant.OWN)) {
          // From files that no template has looked at.
          assertThat(sandbox.sh("cat /usr/bin/* > /dev/null && node -p 6*7").text())
              .isEqualTo("42\n");
        }
        assertThat(pool.awaitReady(LONG)).isTrue();
      }
      assertThat(templates(own)).hasSize(2).containsAll(before);
    } finally {
      engine.end();
    }
  }

  private static List<Path> templates(Directories directories) throws IOException {
    try (Stream<Path> all = Files.list(directories.templates())) {
      return all.filter(Files::isDirectory).toList();
    }
  }
}
