package dev.belljar.server.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.belljar.InvalidOptionException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class EmbeddedMetadataStoreTest extends MetadataStoreContract {
  @TempDir private Path data;

  @Override
  StoreConfig emptyDatabase() {
    return StoreConfig.embedded(data);
  }

  @Test
  void secondStoreOnOneDirectoryIsRefused() throws Exception {
    assertThatExceptionOfType(StoreInUseException.class)
        .isThrownBy(() -> MetadataStore.open(StoreConfig.embedded(data)))
        .withMessageContaining(data.resolve("metadata").toString());

    Path link = Files.createSymbolicLink(data.resolve("link"), data);
    assertThatExceptionOfType(StoreInUseException.class)
        .isThrownBy(() -> MetadataStore.open(StoreConfig.embedded(link)));
    assertThat(store.tokens().count()).isZero();
    reopen();
  }

  @Test
  void secondProcessOnOneDirectoryIsRefused() throws Exception {
    Ended other = otherProcess();

    assertThat(other.output())
        .contains(StoreInUseException.class.getName())
        .contains("The metadata in " + data.resolve("metadata") + " is in use");
    assertThat(other.exitCode()).isEqualTo(1);
    assertThat(store.tokens().count()).isZero();
  }

  @Test
  void closingAStoreTwiceDoesNotReleaseItsSuccessor() {
    MetadataStore before = store;
    reopen();
    before.close();

    assertThatExceptionOfType(StoreInUseException.class)
        .isThrownBy(() -> MetadataStore.open(StoreConfig.embedded(data)));
  }

  @Test
  void processThatDiesForgetsNothing() throws Exception {
    store.close();
    Ended other = otherProcess();

    assertThat(other.exitCode()).as(other.output()).isEqualTo(9);
    open();
    assertThat(store.sandboxes().find("acme", "sbx_1"))
        .contains(sandbox("sbx_1", "acme", NOON, Map.of("k", "v")));
    assertThat(store.tokens().list()).hasSize(1).allMatch(t -> t.revokedAt().isPresent());
  }

  /** Opens the store, writes, and dies without closing anything. */
  static final class Dying {
    public static void main(String[] arguments) {
      MetadataStore store = MetadataStore.open(StoreConfig.embedded(Path.of(arguments[0])));
      store.sandboxes().insert(sandbox("sbx_1", "acme", NOON, Map.of("k", "v")));
      store.tokens().revoke(store.tokens().create("acme", "").token().id());
      Runtime.getRuntime().halt(9);
    }
  }

  private record Ended(int exitCode, String output) {}

  private Ended otherProcess() throws IOException, InterruptedException {
    Path output = data.resolve("output");
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                Dying.class.getName(),
                data.toString())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    try {
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    } finally {
      process.destroyForcibly();
    }
    return new Ended(process.exitValue(), Files.readString(output, StandardCharsets.UTF_8));
  }

  @Test
  void filesAreTheirOwnersAlone() throws Exception {
    store.tokens().create("acme", "");
    Path directory = data.resolve("metadata");

    assertThat(permissions(directory)).isEqualTo("rwx------");
    try (var files = Files.list(directory)) {
      assertThat(files.toList())
          .isNotEmpty()
          .allSatisfy(file -> assertThat(permissions(file)).isEqualTo("rw-------"));
    }
  }

  @Test
  void directoryThatOthersCanEnterIsClosedToThem() throws Exception {
    store.close();
    Path directory = data.resolve("metadata");
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
    open();

    assertThat(permissions(directory)).isEqualTo("rwx------");
  }

  @Test
  void linkInPlaceOfTheDirectoryIsRefused() throws Exception {
    Path elsewhere = Files.createDirectory(data.resolve("elsewhere"));
    Path other = Files.createDirectory(data.resolve("other"));
    Files.createSymbolicLink(other.resolve("metadata"), elsewhere);

    assertThatExceptionOfType(StoreException.class)
        .isThrownBy(() -> MetadataStore.open(StoreConfig.embedded(other)))
        .withMessageContaining(other.toString());
    assertThat(elsewhere).isEmptyDirectory();
  }

  @Test
  void directoryOfAnotherUserIsRefused() throws Exception {
    assumeTrue(
        Integer.valueOf(0).equals(Files.getAttribute(Path.of("/proc/self"), "unix:uid")),
        "only root can give a directory away");
    Path directory = Files.createDirectories(data.resolve("other").resolve("metadata"));
    Files.setAttribute(directory, "unix:uid", 65534);

    assertThatExceptionOfType(StoreException.class)
        .isThrownBy(() -> MetadataStore.open(StoreConfig.embedded(data.resolve("other"))))
        .withMessageContaining("another user");
  }

  @Test
  void dataDirectoryThatIsAFileIsRefused() throws Exception {
    Path file = Files.createFile(data.resolve("file"));

    assertThatExceptionOfType(StoreException.class)
        .isThrownBy(() -> MetadataStore.open(StoreConfig.embedded(file)))
        .withMessageContaining(file.toString());
  }

  @Test
  void brokenDatabaseIsRefusedAndReleased() throws Exception {
    store.close();
    Path file = data.resolve("metadata").resolve("metadata.mv.db");
    byte[] sound = Files.readAllBytes(file);
    Files.write(file, "not a database, ".repeat(1000).getBytes(StandardCharsets.UTF_8));

    assertThatExceptionOfType(StoreException.class)
        .isThrownBy(() -> MetadataStore.open(config()))
        .isNotInstanceOf(StoreInUseException.class)
        .withMessageContaining(data.toString());
    Files.write(file, sound);
    open();
    assertThat(store.tokens().count()).isZero();
  }

  @Test
  void settingsCannotBeSmuggledInWithThePath() {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(
            () ->
                StoreConfig.embedded(data.resolve("x;INIT=RUNSCRIPT FROM 'http://example.test'")));
  }

  @Test
  void oddNamesOfDirectoriesWork() {
    for (String name : List.of("with space", "~", "%41", "ü 😀", "'\"", "a?b#c")) {
      try (MetadataStore odd = MetadataStore.open(StoreConfig.embedded(data.resolve(name)))) {
        assertThat(odd.tokens().count()).isZero();
      }
      assertThat(data.resolve(name).resolve("metadata").resolve("metadata.mv.db")).exists();
    }
  }

  private static String permissions(Path path) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
  }
}
