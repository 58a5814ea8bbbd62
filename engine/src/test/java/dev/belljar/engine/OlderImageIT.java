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
import dev.belljar.spi.Tenant;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A bootable volume lies above the image that it was made above, whatever the host has built since.
 */
@Timeout(180)
class OlderImageIT {
  private static final String HASH = "00112233445566ff-00112233445566ff";

  /** A line of /etc/os-release, and what an older image is to have in its place. */
  private static final String LINE = "VERSION_CODENAME=trixie";

  private static final String OLDER_LINE = "VERSION_CODENAME=oldest";

  @TempDir private Path directory;
  private Tenant tenant = Tenant.OWN;

  private Sandbox withRoot(String root) {
    return LocalEngine.instance().create(SandboxOptions.builder().root(root).build(), tenant);
  }

  @Test
  void whatIsInstalledIsThereAboveTheOlderImage() throws Exception {
    tenant = new Tenant("", Optional.of(directory.resolve("storage")));
    Storage storage = LocalEngine.instance().storage(tenant);
    storage
        .volumes()
        .create(VolumeOptions.of("tools", ByteSize.parse("400MB")).from(VolumeOptions.BUILTIN));
    try (Sandbox sandbox = withRoot("tools")) {
      sandbox
          .sh(
              "sudo sh -c 'echo \"echo tool\" > /usr/local/bin/tool; chmod +x /usr/local/bin/tool; rm /usr/bin/jq'")
          .text();
      assertThat(sandbox.sh("cat /etc/os-release").text()).contains(LINE);
    }
    Path root = ageImage();
    try (Sandbox sandbox = withRoot("tools")) {
      assertThat(sandbox.sh("tool; ls /usr/bin/jq 2>&1; cat /etc/os-release").noThrow().text())
          .contains("tool\n", "No such file", OLDER_LINE)
          .doesNotContain(LINE);
      // It is a sandbox like others: programs start, names are its own, the image cannot be
      // changed.
      assertThat(sandbox.sh("deno eval 'console.log(6*7)'; hostname").text())
          .isEqualTo("42\n" + sandbox.id().replace('_', '-') + "\n");
      sandbox.sh("sudo sh -c 'echo changed > /etc/os-release'").text();
      storage.volumes().snapshot("tools", "tools-1");
      sandbox.sh("echo later > /home/app/later").text();
    }
    try (Sandbox one = withRoot("tools-1");
        Sandbox two = withRoot("tools-1")) {
      assertThat(one.sh("cat /etc/os-release; tool; ls later 2>&1").noThrow().text())
          .contains("changed\n", "tool\n", "No such file");
      assertThat(two.sh("cat /usr/lib/os-release /etc/os-release").noThrow().text())
          .contains("changed\n");
    }
    storage
        .volumes()
        .create(VolumeOptions.of("new", ByteSize.parse("400MB")).from(VolumeOptions.BUILTIN));
    try (Sandbox sandbox = withRoot("new")) {
      assertThat(sandbox.sh("cat /etc/os-release").text()).contains(LINE);
    }
    assertThat(root).exists();
    Files.delete(root);
    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(() -> withRoot("tools").close())
        .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.DAMAGED))
        .withMessageContaining("missing");
    assertThat(storage.volumes().get("tools").orElseThrow().holder()).isEmpty();
  }

  /** Has all volumes lie above an image that differs in one file. */
  private Path ageImage() throws Exception {
    Path images = directory.resolve("storage/images");
    Path kept;
    try (Stream<Path> all = Files.list(images)) {
      kept = all.findFirst().orElseThrow();
    }
    Path aged = Files.createDirectory(images.resolve(HASH)).resolve("root.erofs");
    Files.copy(kept.resolve("root.erofs"), aged);
    try (FileChannel channel =
        FileChannel.open(aged, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      channel.write(
          ByteBuffer.wrap(OLDER_LINE.getBytes(StandardCharsets.US_ASCII)), placeOf(channel, LINE));
    }
    Path catalog = directory.resolve("storage/catalog.json");
    Files.writeString(
        catalog, Files.readString(catalog).replace(String.valueOf(kept.getFileName()), HASH));
    return aged;
  }

  /** Where a text begins that the file has once, uncompressed. */
  private static long placeOf(FileChannel file, String text) throws IOException {
    int step = 16 << 20;
    ByteBuffer part = ByteBuffer.allocate(step + text.length());
    for (long from = 0; from < file.size(); from += step) {
      part.clear();
      file.read(part, from);
      int found =
          new String(part.array(), 0, part.position(), StandardCharsets.ISO_8859_1).indexOf(text);
      if (found >= 0) {
        return from + found;
      }
    }
    throw new AssertionError("The image lacks " + text);
  }
}
