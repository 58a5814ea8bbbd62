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
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Twenty sandboxes run from one snapshot while it is deleted. */
@Timeout(300)
class ManyRootsIT {
  private static final int SANDBOXES = 20;

  @TempDir private Path directory;

  @Test
  void allRunOnNewOnesAreRefusedAndTheLayersGoWithTheLast() throws IOException {
    Tenant tenant = new Tenant("", Optional.of(directory.resolve("storage")));
    Storage storage = LocalEngine.instance().storage(tenant);
    SandboxOptions root = SandboxOptions.builder().root("tools-1").build();
    storage
        .volumes()
        .create(VolumeOptions.of("tools", ByteSize.parse("400MB")).from(VolumeOptions.BUILTIN));
    try (Sandbox sandbox =
        LocalEngine.instance().create(SandboxOptions.builder().root("tools").build(), tenant)) {
      sandbox.sh("head -c 20M /dev/urandom > base && sha256sum base > sum && rm -rf .cache").text();
    }
    storage.volumes().snapshot("tools", "tools-1");
    List<Sandbox> sandboxes = new ArrayList<>();
    try {
      for (int i = 0; i < SANDBOXES; i++) {
        sandboxes.add(LocalEngine.instance().create(root, tenant));
      }
      storage.snapshots().delete("tools-1");
      storage.volumes().delete("tools");
      forgetWhatIsDeleted();
      assertThatExceptionOfType(StorageException.class)
          .isThrownBy(() -> LocalEngine.instance().create(root, tenant).close())
          .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.NOT_FOUND));
      for (int i = 0; i < SANDBOXES; i++) {
        Sandbox sandbox = sandboxes.get(i);
        assertThat(sandbox.sh("sha256sum -c sum && echo " + i + " > own && sync && cat own").text())
            .isEqualTo("base: OK\n" + i + "\n");
      }
      sandboxes.subList(1, SANDBOXES).forEach(Sandbox::close);
      assertThat(layers()).hasSize(1);
      assertThat(sandboxes.getFirst().sh("sha256sum -c sum").text()).isEqualTo("base: OK\n");
    } finally {
      sandboxes.forEach(Sandbox::close);
    }
    assertThat(layers()).isEmpty();
    assertThat(directory.resolve("storage/images")).isEmptyDirectory();
  }

  /** A volume that is deleted is kept for a day: this one was deleted longer ago. */
  private void forgetWhatIsDeleted() throws IOException {
    Path catalog = directory.resolve("storage/catalog.json");
    ObjectNode content = (ObjectNode) JsonMapper.shared().readTree(Files.readString(catalog));
    ObjectNode volume = (ObjectNode) content.get("catalog").get("volumes").get(0);
    volume.put("deleted", "2020-01-01T00:00:00Z");
    Files.writeString(catalog, content.toString());
  }

  private List<Path> layers() throws IOException {
    try (Stream<Path> files = Files.walk(directory.resolve("storage/layers"))) {
      return files.filter(Files::isRegularFile).toList();
    }
  }
}
