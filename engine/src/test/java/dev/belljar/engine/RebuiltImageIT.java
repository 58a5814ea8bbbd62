package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.belljar.PoolOptions;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.SandboxPool;
import dev.belljar.SandboxUnavailableException;
import dev.belljar.StorageException;
import dev.belljar.engine.image.Image;
import dev.belljar.engine.image.ImageStore;
import dev.belljar.engine.storage.Directories;
import dev.belljar.engine.storage.FileTree;
import dev.belljar.spi.Tenant;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What machines were made of is taken away, or made anew, under those that use it. */
@Timeout(300)
class RebuiltImageIT {
  private static final Duration LONG = Duration.ofMinutes(2);

  @TempDir private Path directory;
  private Directories own = Directories.ofUser();
  private Tenant tenant = Tenant.OWN;
  private String image = "";

  /** An image of its own, which consists of the same files. */
  @BeforeEach
  void copyImage() throws Exception {
    tenant = new Tenant("", Optional.of(directory.resolve("storage")));
    own = new Directories(directory.resolve("cache"));
    own.makeAll();
    FileTree.delete(own.jails());
    Files.createSymbolicLink(own.jails(), Directories.ofUser().jails());
    Image built = new ImageStore(Directories.ofUser()).find().orElseThrow();
    image = built.hash();
    link(built, own.images().resolve(image));
    FileTree.makeReadable(own.images());
  }

  private static void link(Image from, Path to) throws IOException {
    Files.createDirectories(to);
    try (Stream<Path> files = Files.list(from.directory())) {
      for (Path file : (Iterable<Path>) files::iterator) {
        Files.createLink(to.resolve(file.getFileName()), file);
      }
    }
  }

  private Sandbox create(LocalEngine engine) {
    return engine.create(SandboxOptions.builder().build(), tenant);
  }

  @Test
  void aMachineNeverMeetsTheFilesOfAnotherBuild() throws Exception {
    Image first = new ImageStore(own).find().orElseThrow();
    String second = image.substring(0, image.length() - 8) + "00000000";
    LocalEngine engine = new LocalEngine(own, step -> {});
    try (SandboxPool pool = engine.openPool(PoolOptions.of(1, 1))) {
      assertThat(pool.awaitReady(LONG)).isTrue();
      Path rebuilt = own.images().resolve(second);
      link(first, rebuilt);
      FileTree.makeReadable(rebuilt);
      try (Sandbox sandbox = create(engine)) {
        assertThat(sandbox.isolation().image()).isEqualTo(image);
      }
      FileTree.delete(first.directory());
      assertThatExceptionOfType(SandboxUnavailableException.class)
          .isThrownBy(() -> create(engine))
          .withMessageContaining("no longer there");
    } finally {
      engine.end();
    }
    LocalEngine next = new LocalEngine(own, step -> {});
    try (Sandbox sandbox = create(next)) {
      assertThat(sandbox.isolation().image()).isEqualTo(second);
    } finally {
      next.end();
    }
  }

  @Test
  void whatIsOfATemplateThatIsGoneIsNeitherHandedOutNorSaved() throws Exception {
    LocalEngine engine = new LocalEngine(own, step -> {});
    try (SandboxPool pool = engine.openPool(PoolOptions.of(1, 1))) {
      assertThat(pool.awaitReady(LONG)).isTrue();
      try (Sandbox sandbox = create(engine)) {
        assertThat(pool.awaitReady(LONG)).isTrue();
        long discarded = pool.status().discarded();
        FileTree.delete(own.templates());
        assertThatExceptionOfType(StorageException.class)
            .isThrownBy(() -> sandbox.checkpoint("gone"))
            .withMessageContaining("no longer on this host");
        try (Sandbox other = create(engine)) {
          assertThat(other.sh("node -p 6*7").text()).isEqualTo("42\n");
          assertThat(pool.status().discarded()).isGreaterThan(discarded);
          assertThatExceptionOfType(StorageException.class)
              .isThrownBy(() -> sandbox.checkpoint("other"))
              .withMessageContaining("no longer on this host");
          other.checkpoint("good");
        }
        assertThat(sandbox.sh("node -p 6*7").text()).isEqualTo("42\n");
      }
      try (Sandbox goesOn =
          engine.create(SandboxOptions.builder().checkpoint("good").build(), tenant)) {
        assertThat(goesOn.sh("node -p 6*7").text()).isEqualTo("42\n");
      }
    } finally {
      engine.end();
    }
  }
}
