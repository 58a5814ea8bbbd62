package dev.belljar.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import dev.belljar.ByteSize;
import dev.belljar.Endpoint;
import dev.belljar.PageRequest;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.Snapshot;
import dev.belljar.Storage;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.Volume;
import dev.belljar.VolumeOptions;
import dev.belljar.Volumes;
import dev.belljar.engine.LocalSandboxProvider;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Volumes of two organizations of a server with real machines: neither sees the other's. */
@Timeout(180)
@SuppressWarnings("NullAway.Init") // by start, before all tests
class StorageIT {
  private static final ByteSize SIZE = ByteSize.parse("300MB");
  private static final String SECRET = "what-only-acme-may-know-";

  /**
   * Reads a whole disk: how many of its blocks are not empty, and whether what another wrote is
   * there.
   */
  private static final String READ =
      """
      import os, sys
      device, marker = sys.argv[1], sys.argv[2].encode()
      block, full, found, last, empty = 1 << 12, 0, False, b"", bytes(1 << 20)
      disk = os.open(device, os.O_RDONLY)
      while True:
          part = os.read(disk, 1 << 20)
          if not part:
              break
          found = found or marker in last + part
          last = part[-len(marker):]
          if part != empty[:len(part)]:
              full += sum(1 for i in range(0, len(part), block) if part[i:i + block] != empty[:block])
      print(full, found)
      """;

  private static final String TOUCH =
      """
      import os
      file = os.open("/data/sparse", os.O_WRONLY | os.O_CREAT)
      for place in range(0, 250 << 20, 48 << 10):
          os.pwrite(file, b"x", place)
      """;

  @TempDir static Path data;
  private static BelljarServer server;
  private static Endpoint acme;
  private static Endpoint other;

  @BeforeAll
  static void start() {
    server =
        BelljarServer.start(
            ServerConfig.of(data).at("127.0.0.1", 0).with(TestServer.MANY),
            new LocalSandboxProvider());
    acme = endpoint("acme");
    other = endpoint("other");
  }

  private static Endpoint endpoint(String organization) {
    return Endpoint.of(
        server.endpoint(), server.store().tokens().create(organization, "").secret());
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  private static Sandbox sandbox(Endpoint endpoint, SandboxOptions.Builder options) {
    return Sandbox.create(options.endpoint(endpoint).build());
  }

  private static RawClient create(String config) throws IOException {
    return RawClient.ask(
        server.endpoint(),
        "/api/v3/sandboxes/create",
        Map.of(
            "Authorization",
            "Bearer " + acme.token(),
            "x-deno-sandbox-config",
            RawClient.config(config)));
  }

  /** As the JavaScript client does: its call returns when the server has answered. */
  private static void close(RawClient client) throws Exception {
    client.sendClose();
    client.closeCode();
  }

  /** The same as of what never was, but for the name. */
  private static void notFound(String name, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            StorageException.class,
            e -> {
              assertThat(e.reason()).isEqualTo(Reason.NOT_FOUND);
              assertThat(String.valueOf(e.getMessage()).replace(name, ""))
                  .doesNotContain("acme", "vol_", "snp_");
            });
  }

  @Test
  void whatAnotherOrganizationHasIsNotThere() {
    Storage mine = Storage.at(acme);
    Storage strange = Storage.at(other);
    Volume volume =
        mine.volumes().create(VolumeOptions.of("mine", SIZE).from(VolumeOptions.BUILTIN));
    Snapshot snapshot = mine.volumes().snapshot("mine", "mine-1");
    for (String name : List.of("mine", volume.id(), "mine-1", snapshot.id(), "never-there")) {
      assertThat(strange.volumes().get(name)).isEmpty();
      assertThat(strange.snapshots().get(name)).isEmpty();
      notFound(name, () -> strange.volumes().delete(name));
      notFound(name, () -> strange.volumes().restore(name));
      notFound(name, () -> strange.volumes().snapshot(name, "stolen"));
      notFound(name, () -> strange.snapshots().delete(name));
      notFound(name, () -> strange.volumes().create(VolumeOptions.of("stolen", SIZE).from(name)));
      notFound(name, () -> sandbox(other, SandboxOptions.builder().root(name)).close());
      notFound(name, () -> sandbox(other, SandboxOptions.builder().volume("/data", name)).close());
    }
    assertThat(strange.volumes().list(PageRequest.FIRST).items()).isEmpty();
    assertThat(strange.snapshots().list(PageRequest.FIRST).items()).isEmpty();
    // Nor does its use get in the way of what others call the same.
    try (Sandbox holder = sandbox(acme, SandboxOptions.builder().root("mine"))) {
      strange.volumes().create(VolumeOptions.of("mine", SIZE));
      try (Sandbox sandbox = sandbox(other, SandboxOptions.builder().volume("/mine", "mine"))) {
        assertThat(sandbox.sh("ls -A /mine").text()).isEmpty();
      }
      strange.volumes().delete("mine");
      assertThat(mine.volumes().get("mine").orElseThrow().holder()).contains(holder.id());
    }
  }

  @Test
  void whoClosesASandboxMayHaveItsVolumeInTheNextOneAtOnce() throws Exception {
    Volumes mine = Storage.at(acme).volumes();
    mine.create(VolumeOptions.of("next", SIZE));
    handOver("{\"volumes\":{\"/data\":\"next\"}}", "/data/note");
    mine.delete("next");
  }

  @Test
  void whoClosesASandboxMayHaveItsRootInTheNextOneAtOnce() throws Exception {
    Volumes mine = Storage.at(acme).volumes();
    mine.create(VolumeOptions.of("next-root", SIZE).from(VolumeOptions.BUILTIN));
    handOver("{\"root\":{\"volume\":\"next-root\"}}", "/home/app/note");
    mine.delete("next-root");
  }

  private static void handOver(String config, String path) throws Exception {
    String file = "{\"path\":\"" + path + "\"";
    for (int turn = 0; turn < 3; turn++) {
      try (RawClient client = create(config).reading()) {
        if (turn > 0) {
          assertThat(client.ok("readTextFile", file + "}").stringValue())
              .isEqualTo("turn " + (turn - 1));
        }
        client.ok("writeTextFile", file + ",\"content\":\"turn " + turn + "\"}");
        close(client);
      }
    }
  }

  @Test
  void whatASandboxStillHasIsRefusedWhoeverLeavesIt() throws Exception {
    Volumes mine = Storage.at(acme).volumes();
    mine.create(VolumeOptions.of("held", SIZE));
    String config = "{\"timeout\":\"5m\",\"volumes\":{\"/data\":\"held\"}}";
    String holder;
    try (RawClient first = create(config).reading()) {
      holder = first.sandbox();
      close(first);
    }
    // Within what one that is ending is waited for.
    assertTimeoutPreemptively(
        Duration.ofSeconds(20),
        () -> {
          try (RawClient second = create(config)) {
            assertThat(second.status()).isEqualTo(409);
            assertThat(second.body()).contains("VOLUME_BUSY", "sandbox " + holder);
          }
          assertThatThrownBy(() -> mine.delete("held"))
              .isInstanceOfSatisfying(
                  StorageException.class, e -> assertThat(e.reason()).isEqualTo(Reason.BUSY))
              .hasMessageContaining(holder);
        });
    Sandbox.connect(holder, acme).kill();
    mine.delete("held");
  }

  @Test
  void whatOneWroteAndDeletedIsNotInAnothersNewVolume() {
    Storage mine = Storage.at(acme);
    mine.volumes().create(VolumeOptions.of("secrets", SIZE));
    try (Sandbox sandbox = sandbox(acme, SandboxOptions.builder().volume("/data", "secrets"))) {
      byte[] secrets = SECRET.repeat(2_000_000).getBytes(StandardCharsets.US_ASCII);
      sandbox.fs().writeFile("/data/deleted", secrets);
      sandbox.sh("sync && rm /data/deleted && sync").text();
      sandbox.fs().writeFile("/data/kept", secrets);
    }
    mine.volumes().delete("secrets");
    Storage strange = Storage.at(other);
    strange.volumes().create(VolumeOptions.of("fresh", SIZE));
    try (Sandbox sandbox = sandbox(other, SandboxOptions.builder().volume("/data", "fresh"))) {
      sandbox.fs().writeTextFile("/tmp/read.py", READ);
      String read = "sudo python3 /tmp/read.py $(findmnt -no SOURCE /data) " + SECRET;
      String[] said = sandbox.sh(read).text().strip().split(" ", -1);
      // What ext4 itself writes, which is less than 2 MB.
      assertThat(Integer.parseInt(said[0])).isBetween(1, 500);
      assertThat(said[1]).isEqualTo("False");
      // A little in each part of the disk, so that the host has all of it.
      sandbox.fs().writeTextFile("/tmp/touch.py", TOUCH);
      sandbox.sh("python3 /tmp/touch.py && sync").text();
      assertThat(sandbox.sh(read).text()).endsWith("False\n");
    }
  }
}
