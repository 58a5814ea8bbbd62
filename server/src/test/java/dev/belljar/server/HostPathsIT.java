package dev.belljar.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.belljar.BelljarException;
import dev.belljar.ByteSize;
import dev.belljar.Endpoint;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.Storage;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.LocalSandboxProvider;
import dev.belljar.engine.storage.Directories;
import dev.belljar.engine.storage.FileTree;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Machines that cannot be started for what this host lacks: clients are not told of its files. */
@Timeout(120)
@SuppressWarnings("NullAway.Init") // by start, before each test
class HostPathsIT {
  /** Where a qcow2 file says where its table of tables is. */
  private static final int TABLE_AT = 40;

  @TempDir private Path data;
  private BelljarServer server;
  private String secret;
  private Endpoint endpoint;

  @BeforeEach
  void start() {
    server =
        BelljarServer.start(
            ServerConfig.of(data).at("127.0.0.1", 0).with(TestServer.MANY),
            new LocalSandboxProvider());
    secret = server.store().tokens().create("acme", "").secret();
    endpoint = Endpoint.of(server.endpoint(), secret);
    Storage.at(endpoint).volumes().create(VolumeOptions.of("data", ByteSize.parse("300MB")));
  }

  @AfterEach
  void stop() {
    server.close();
  }

  /** What a client is told who asks for a sandbox. */
  private void refusesWithoutPaths(String config, int status, String code) throws IOException {
    try (RawClient refused =
        RawClient.ask(
            server.endpoint(),
            "/api/v3/sandboxes/create",
            Map.of(
                "Authorization",
                "Bearer " + secret,
                "x-deno-sandbox-config",
                RawClient.config(config)))) {
      assertThat(refused.status()).as(refused.body()).isEqualTo(status);
      Directories own = Directories.ofUser();
      assertThat(refused.body())
          .contains("\"" + code + "\"")
          .contains("trace " + refused.headers().get("x-deno-trace-id"))
          .doesNotContain(
              data.toString(),
              own.images().toString(),
              own.templates().toString(),
              own.run().toString(),
              "/layers",
              "/checkpoints",
              "/image",
              "qemu");
    }
  }

  private Path oneBelow(String directory, String suffix) throws IOException {
    try (Stream<Path> all = Files.walk(data)) {
      return all.filter(path -> path.toString().contains("/" + directory + "/"))
          .filter(path -> path.toString().endsWith(suffix))
          .findFirst()
          .orElseThrow();
    }
  }

  @Test
  void ofALayerWhoseHeaderIsDamaged() throws Exception {
    try (RandomAccessFile layer =
        new RandomAccessFile(oneBelow("layers", ".qcow2").toFile(), "rw")) {
      layer.seek(TABLE_AT);
      layer.writeLong(-1);
    }
    refusesWithoutPaths(
        "{\"volumes\":[{\"volume\":\"data\",\"path\":\"/data\"}]}", 500, "STORAGE_DAMAGED");
  }

  @Test
  void ofALayerThatIsMissing() throws Exception {
    Files.delete(oneBelow("layers", ".qcow2"));
    refusesWithoutPaths(
        "{\"volumes\":[{\"volume\":\"data\",\"path\":\"/data\"}]}", 500, "STORAGE_DAMAGED");
  }

  @Test
  void ofACheckpointThatLacksItsMemoryItsImageOrItsDevices() throws Exception {
    String saved = "{\"belljar\":{\"checkpoint\":\"saved\"}}";
    try (Sandbox sandbox =
        Sandbox.create(
            SandboxOptions.builder().endpoint(endpoint).volume("/data", "data").build())) {
      sandbox.checkpoint("saved");
    }
    await()
        .until(() -> Storage.at(endpoint).volumes().get("data").orElseThrow().holder().isEmpty());
    try (Sandbox again =
        Sandbox.create(SandboxOptions.builder().endpoint(endpoint).checkpoint("saved").build())) {
      Files.delete(oneBelow("checkpoints", "/memory"));
      assertThatThrownBy(() -> again.checkpoint("copied"))
          .isInstanceOf(BelljarException.class)
          .hasMessageContaining("no longer on this host")
          .message()
          .doesNotContain(data.toString(), "/memory");
    }
    refusesWithoutPaths(saved, 503, "SANDBOX_UNAVAILABLE");
    Path image = oneBelow("images", "root.erofs");
    Files.delete(image);
    refusesWithoutPaths(saved, 503, "SANDBOX_UNAVAILABLE");
    FileTree.delete(image.resolveSibling(".").normalize());
    refusesWithoutPaths(saved, 503, "SANDBOX_UNAVAILABLE");
    Files.delete(oneBelow("checkpoints", "/state"));
    refusesWithoutPaths(saved, 503, "SANDBOX_UNAVAILABLE");
  }
}
