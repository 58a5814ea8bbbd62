package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.belljar.ByteSize;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.Storage;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.volumes.BootImage;
import dev.belljar.engine.volumes.ConfinedDiskTool;
import dev.belljar.spi.Tenant;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Volumes that go from one host to another. */
@Timeout(180)
class VolumeArchiveIT {
  private static final ByteSize SIZE = ByteSize.parse("400MB");

  @TempDir private Path directory;
  private Tenant here = Tenant.OWN;
  private Tenant there = Tenant.OWN;
  private LocalStorage storage;
  private LocalStorage elsewhere;

  @BeforeEach
  void open() {
    here = new Tenant("", Optional.of(directory.resolve("here")));
    there = new Tenant("", Optional.of(directory.resolve("there")));
    storage = LocalEngine.instance().storage(here);
    elsewhere = LocalEngine.instance().storage(there);
  }

  private static Sandbox with(SandboxOptions.Builder options, Tenant tenant) {
    return LocalEngine.instance().create(options.build(), tenant);
  }

  private Path exported(String name, boolean withImage) throws IOException {
    Path file = directory.resolve(name + ".tar");
    try (OutputStream out = Files.newOutputStream(file)) {
      storage.exportTo(name, withImage, out);
    }
    return file;
  }

  private static void imported(Storage storage, Path file, String name) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      storage.importFrom(Optional.of(name), in);
    }
  }

  @Test
  void whatIsInAVolumeIsInTheOneThatIsImported() throws IOException {
    storage.volumes().create(VolumeOptions.of("data", SIZE));
    try (Sandbox sandbox = with(SandboxOptions.builder().volume("/data", "data"), here)) {
      sandbox.fs().writeTextFile("/data/note", "kept");
      sandbox.sh("head -c 30M /dev/urandom > /data/big; sha256sum /data/big > /data/sum").text();
      storage.volumes().snapshot("data", "frozen");
      sandbox.fs().writeTextFile("/data/note", "kept since");
      assertThatExceptionOfType(StorageException.class)
          .isThrownBy(() -> exported("data", true))
          .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.BUSY))
          .withMessageContaining(sandbox.id())
          .withMessageContaining("belljar snapshots create data");
      // Also while the sandbox has the layer open that the snapshot ends with.
      imported(elsewhere, exported("frozen", true), "older");
    }
    imported(elsewhere, exported("data", true), "newer");
    SandboxOptions.Builder both =
        SandboxOptions.builder().volume("/older", "older").volume("/newer", "newer");
    try (Sandbox sandbox = with(both, there)) {
      assertThat(sandbox.fs().readTextFile("/newer/note")).isEqualTo("kept since");
      assertThat(sandbox.fs().readTextFile("/older/note")).isEqualTo("kept");
      for (String path : List.of("/older", "/newer")) {
        assertThat(sandbox.sh("sed s,/data," + path + ", " + path + "/sum | sha256sum -c").text())
            .contains("OK");
      }
      sandbox.fs().writeTextFile("/older/more", "and it can be written to");
    }
    assertThat(StoredData.check(directory.resolve("there"), step -> {}).isFine()).isTrue();
    assertThat(StoredData.check(directory.resolve("here"), step -> {}).isFine()).isTrue();
  }

  @Test
  void aBootableVolumeBootsAlsoWhereTheImageIsAnother() throws IOException {
    storage.volumes().create(VolumeOptions.of("root", SIZE).from(VolumeOptions.BUILTIN));
    try (Sandbox sandbox = with(SandboxOptions.builder().root("root"), here)) {
      sandbox.sh("sudo sh -c 'echo installed > /usr/local/share/tool; rm /usr/bin/jq'").text();
    }
    imported(elsewhere, exported("root", false), "same-image");
    Path nothing = Files.createDirectory(directory.resolve("nothing"));
    LocalStorage other = new LocalStorage(elsewhere.store(), "", new BootImage("other", nothing));
    imported(other, exported("root", true), "other-image");
    for (String name : List.of("same-image", "other-image")) {
      try (Sandbox sandbox = with(SandboxOptions.builder().root(name), there)) {
        assertThat(
                sandbox.sh("cat /usr/local/share/tool; ls /usr/bin | grep -cx jq").noThrow().text())
            .isEqualTo("installed\n0\n");
      }
    }
  }

  @Test
  void namesOfOtherFilesInALayerCountForNothing() throws Exception {
    storage.volumes().create(VolumeOptions.of("data", SIZE));
    Path secret = Files.writeString(directory.resolve("secret"), "a secret of the host");
    Path layer = layerBelow(directory.resolve("here"));
    // A head that names another is refused, and never gets that far.
    storage.volumes().snapshot("data", "frozen");
    Files.delete(layer);
    Process made =
        new ProcessBuilder(
                "qemu-img",
                "create",
                "-q",
                "-f",
                "qcow2",
                "-b",
                secret.toString(),
                "-F",
                "raw",
                layer.toString(),
                "382M")
            .inheritIO()
            .start();
    assertThat(made.waitFor()).isZero();
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    storage.exportTo("data", true, out);
    assertThat(out.toString(StandardCharsets.ISO_8859_1)).doesNotContain("a secret");
  }

  private static Path layerBelow(Path storage) throws IOException {
    try (Stream<Path> all = Files.walk(storage.resolve("layers"))) {
      return all.filter(Files::isRegularFile).findFirst().orElseThrow();
    }
  }

  @Test
  void theToolThatReadsLayersSeesNothingElse() throws IOException {
    LocalEngine engine = LocalEngine.instance();
    Path entered =
        Files.setPosixFilePermissions(
            Files.createDirectory(directory.resolve("layer")),
            PosixFilePermissions.fromString("rwxr-xr-x"));
    Path own = Files.writeString(entered.resolve("own"), "x".repeat(512));
    ConfinedDiskTool.Ended seen =
        engine.confined(
            List.of(own),
            Optional.empty(),
            0,
            Duration.ofSeconds(30),
            (read, written) -> List.of("info", "-f", "raw", read.getFirst()));
    assertThat(seen.status()).as(seen.complaints()).isZero();
    for (String file : List.of("/etc/passwd", own.toString(), "/proc/self/status")) {
      ConfinedDiskTool.Ended ended =
          engine.confined(
              List.of(own),
              Optional.empty(),
              0,
              Duration.ofSeconds(30),
              (read, written) -> List.of("info", "-f", "raw", file));
      assertThat(ended.status()).isEqualTo(1);
      assertThat(ended.complaints()).contains("No such file");
    }
    // Nor may it write to what it reads, whatever the file allows.
    Files.setPosixFilePermissions(own, PosixFilePermissions.fromString("rw-rw-rw-"));
    ConfinedDiskTool.Ended writing =
        engine.confined(
            List.of(own),
            Optional.empty(),
            1 << 20,
            Duration.ofSeconds(30),
            (read, written) -> List.of("resize", "-f", "raw", read.getFirst(), "1M"));
    assertThat(writing.complaints()).contains("Read-only file system");
    assertThat(Files.getAttribute(own, "unix:uid"))
        .isEqualTo(Files.getAttribute(Path.of("/proc/self"), "unix:uid"));
  }
}
