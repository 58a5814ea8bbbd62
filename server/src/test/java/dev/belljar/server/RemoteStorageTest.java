package dev.belljar.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.belljar.ByteSize;
import dev.belljar.Checkpoint;
import dev.belljar.Checkpoints;
import dev.belljar.Endpoint;
import dev.belljar.InvalidOptionException;
import dev.belljar.InvalidTokenException;
import dev.belljar.Page;
import dev.belljar.PageRequest;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.SandboxPausedException;
import dev.belljar.Snapshot;
import dev.belljar.Snapshots;
import dev.belljar.Storage;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.Volume;
import dev.belljar.VolumeOptions;
import dev.belljar.Volumes;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Storage of a server, as Java's client has it: what goes in at one end comes out at the other. */
@SuppressWarnings("NullAway.Init") // before the tests
class RemoteStorageTest {
  private static final ByteSize SIZE = ByteSize.parse("1GB");

  @TempDir static Path data;
  private static TestServer server;
  private static int organizations;

  private Endpoint endpoint;
  private String organization;
  private Volumes volumes;
  private Snapshots snapshots;
  private Checkpoints checkpoints;

  @BeforeAll
  static void start() {
    server = new TestServer(data, Duration.ofSeconds(30));
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @BeforeEach
  void anotherOrganization() {
    organization = "remote-" + ++organizations;
    endpoint = Endpoint.of(server.server().endpoint(), server.token(organization));
    Storage storage = Storage.at(endpoint);
    volumes = storage.volumes();
    snapshots = storage.snapshots();
    checkpoints = storage.checkpoints();
  }

  private static void fails(Reason reason, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            StorageException.class, e -> assertThat(e.reason()).isEqualTo(reason));
  }

  @Test
  void aVolumeIsMadeFoundDeletedAndRestored() {
    VolumeOptions options =
        VolumeOptions.of("tools", SIZE).region("ord").from(VolumeOptions.BUILTIN);
    Volume made = volumes.create(options);
    assertThat(made)
        .isEqualTo(
            new Volume(
                made.id(),
                "tools",
                "loc",
                1_000_000_000,
                1000,
                2000,
                1500,
                true,
                Optional.empty(),
                Optional.empty(),
                Optional.empty()));
    assertThat(volumes.get("tools")).contains(made);
    assertThat(volumes.get(made.id())).contains(made);

    volumes.delete("tools");
    assertThat(volumes.get("tools")).isEmpty();
    assertThat(volumes.get(made.id()).flatMap(Volume::deletedAt))
        .contains(Instant.parse("2026-01-02T03:04:05Z"));
    assertThat(volumes.restore("tools")).isEqualTo(made);
    assertThat(volumes.get("tools")).contains(made);
  }

  @Test
  void aSnapshotIsMadeFoundBuiltOnAndDeleted() {
    Volume base = volumes.create(VolumeOptions.of("base", SIZE));
    Snapshot made = volumes.snapshot("base", "base-1");
    assertThat(made)
        .isEqualTo(
            new Snapshot(
                made.id(),
                "base-1",
                "loc",
                1_000_000_000,
                300,
                4000,
                false,
                new Volume.Origin(base.id(), "base")));
    assertThat(snapshots.get("base-1")).contains(made);
    assertThat(volumes.create(VolumeOptions.of("copy", SIZE).from("base-1")).baseSnapshot())
        .contains(new Volume.Origin(made.id(), "base-1"));

    snapshots.delete("base-1");
    assertThat(snapshots.get("base-1")).isEmpty();
  }

  @Test
  void listsComePageByPage() {
    for (int i = 0; i < 5; i++) {
      volumes.create(VolumeOptions.of("volume-" + i, SIZE));
      volumes.snapshot("volume-" + i, "snapshot-" + i);
    }
    List<String> found = new ArrayList<>();
    Optional<String> cursor = Optional.empty();
    do {
      Page<Volume> page = volumes.list(new PageRequest(cursor, 2, Optional.of("olume-")));
      page.items().forEach(volume -> found.add(volume.slug()));
      cursor = page.next();
    } while (cursor.isPresent());
    assertThat(found).hasSize(5).doesNotHaveDuplicates();
    assertThat(volumes.list(PageRequest.FIRST).items()).hasSize(5);
    assertThat(snapshots.list(new PageRequest(Optional.empty(), 3, Optional.empty())))
        .satisfies(page -> assertThat(page.items()).hasSize(3))
        .satisfies(page -> assertThat(page.next()).isPresent());
    assertThat(snapshots.list(new PageRequest(Optional.empty(), 3, Optional.of("-4"))).items())
        .extracting(Snapshot::slug)
        .containsExactly("snapshot-4");
    PageRequest wrong = new PageRequest(Optional.of("& x"), 3, Optional.empty());
    assertThatThrownBy(() -> volumes.list(wrong)).isInstanceOf(InvalidOptionException.class);
  }

  @ParameterizedTest
  @EnumSource(Reason.class)
  void aReasonIsTheSameAtBothEnds(Reason reason) {
    server.storage(organization).failOnce(new StorageException(reason, "Thus and so."));
    assertThatThrownBy(() -> volumes.create(VolumeOptions.of("a", SIZE)))
        .isInstanceOfSatisfying(
            StorageException.class, e -> assertThat(e.reason()).isEqualTo(reason))
        .hasMessageContaining("Thus and so.")
        .hasMessageContaining("trace id");
    server.storage(organization).failOnce(new StorageException(reason, "Thus and so."));
    SandboxOptions options =
        SandboxOptions.builder().endpoint(endpoint).volume("/data", "a").build();
    fails(reason, () -> Sandbox.create(options));
  }

  @ParameterizedTest
  @ValueSource(strings = {"nothing", "", ".", "..", "a/b", "a?b", "%2e%2e", "ü", "a b"})
  void whatIsNotThereIsNotFound(String name) {
    assertThat(volumes.get(name)).isEmpty();
    assertThat(snapshots.get(name)).isEmpty();
    fails(Reason.NOT_FOUND, () -> volumes.delete(name));
    fails(Reason.NOT_FOUND, () -> volumes.restore(name));
    fails(Reason.NOT_FOUND, () -> volumes.snapshot(name, "s"));
    fails(Reason.NOT_FOUND, () -> snapshots.delete(name));
  }

  @Test
  void whatIsOutOfBoundsIsAnInvalidOption() {
    assertThatThrownBy(() -> volumes.create(VolumeOptions.of("small", ByteSize.parse("1MB"))))
        .isInstanceOf(InvalidOptionException.class)
        .hasMessageContaining("out of bounds");
    volumes.create(VolumeOptions.of("data", SIZE));
    assertThatThrownBy(() -> volumes.snapshot("data", "No Name"))
        .isInstanceOf(InvalidOptionException.class);
  }

  @Test
  void aSandboxIsPausedSavedAndMadeAgain() {
    SandboxOptions options =
        SandboxOptions.builder().endpoint(endpoint).memory("1GiB").vcpus(3).build();
    Checkpoint made;
    try (Sandbox sandbox = Sandbox.create(options)) {
      assertThat(sandbox.isPaused()).isFalse();
      sandbox.pause();
      assertThat(sandbox.isPaused()).isTrue();
      assertThatThrownBy(() -> sandbox.spawn("true")).isInstanceOf(SandboxPausedException.class);
      assertThatThrownBy(() -> sandbox.checkpoint("warm"))
          .isInstanceOf(SandboxPausedException.class);
      sandbox.resume();
      assertThat(sandbox.isPaused()).isFalse();
      made = sandbox.checkpoint("warm");
      assertThat(made)
          .isEqualTo(
              new Checkpoint(
                  made.id(),
                  "warm",
                  "loc",
                  1L << 30,
                  3,
                  5000,
                  sandbox.id(),
                  Instant.parse("2026-01-02T03:04:05Z")));
      fails(Reason.SLUG_TAKEN, () -> sandbox.checkpoint("warm"));
    }
    assertThat(checkpoints.get("warm")).contains(made);
    assertThat(checkpoints.get(made.id())).contains(made);
    assertThat(checkpoints.list(PageRequest.FIRST).items()).containsExactly(made);
    SandboxOptions from = SandboxOptions.builder().endpoint(endpoint).checkpoint("warm").build();
    try (Sandbox fork = Sandbox.create(from)) {
      assertThat(server.sandboxes().of(fork.id()).options().checkpoint()).contains(made.id());
    }
    checkpoints.delete("warm");
    assertThat(checkpoints.get("warm")).isEmpty();
    fails(Reason.NOT_FOUND, () -> checkpoints.delete("warm"));
    fails(Reason.NOT_FOUND, () -> Sandbox.create(from));
  }

  @Test
  void aTokenThatIsNotKnownIsSaidSo() {
    Endpoint wrong = Endpoint.of(server.server().endpoint(), "ddo_wrongwrongwrong");
    assertThatThrownBy(() -> Storage.at(wrong).volumes().list(PageRequest.FIRST))
        .isInstanceOf(InvalidTokenException.class)
        .hasMessageNotContaining("ddo_wrong");
  }

  @Test
  void aSandboxOfAServerHasItsRootAndVolumes() {
    volumes.create(VolumeOptions.of("system", SIZE).from(VolumeOptions.BUILTIN));
    volumes.create(VolumeOptions.of("data", SIZE));
    SandboxOptions options =
        SandboxOptions.builder().endpoint(endpoint).root("system").volume("/data", "data").build();
    try (Sandbox sandbox = Sandbox.create(options)) {
      SandboxOptions made = server.sandboxes().of(sandbox.id()).options();
      assertThat(made.root()).contains("system");
      assertThat(made.volumes()).containsEntry("/data", "data").hasSize(1);
      assertThat(volumes.get("data").flatMap(Volume::holder)).contains(sandbox.id());
      assertThatThrownBy(() -> volumes.delete("data"))
          .isInstanceOf(StorageException.class)
          .hasMessageContaining(sandbox.id());
    }
  }
}
