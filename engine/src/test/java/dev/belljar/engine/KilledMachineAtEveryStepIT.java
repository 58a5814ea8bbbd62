package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.belljar.BelljarException;
import dev.belljar.ByteSize;
import dev.belljar.PageRequest;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.Storage;
import dev.belljar.Volume;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.volumes.CatalogLook;
import dev.belljar.engine.volumes.DataReport;
import dev.belljar.engine.volumes.FaultHook;
import dev.belljar.engine.volumes.FaultPoint;
import dev.belljar.spi.StorageLimits;
import dev.belljar.spi.Tenant;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The machine of a volume is killed between every two steps of what is done with it. Each operation
 * is done once to see which points it comes by while a machine runs, and once again for each of
 * those: a point that is new is killed at, too.
 */
@Timeout(60)
class KilledMachineAtEveryStepIT {
  private static final ByteSize SIZE = ByteSize.parse("300MB");
  private static final int ENOUGH = 5;
  private static final long LONGEST_SECONDS = 60;

  /**
   * No machine has the volume then: it is not started yet, or has ended; files are removed when
   * nobody has them any more.
   */
  private static final Set<FaultPoint> WITHOUT_MACHINE =
      EnumSet.of(
          FaultPoint.LEASED,
          FaultPoint.HEAD_LINKED,
          FaultPoint.HEAD_MOVED,
          FaultPoint.FILE_REMOVED);

  @TempDir private Path directory;
  private Tenant tenant = Tenant.OWN;

  /** What is done with a volume, or beside it, while a program in a sandbox writes to it. */
  private enum Operation {
    /** Another volume is made. */
    CREATE,
    /** Another sandbox gets it, with one more. */
    ATTACH,
    SNAPSHOT,
    CHECKPOINT,
    /** A snapshot is deleted that it stands on, and layers are merged in the background. */
    MERGE
  }

  /** The so manieth time that an operation comes by a point. */
  private record Moment(FaultPoint point, int time) {}

  private Path path() {
    return directory.resolve("storage");
  }

  private Storage storage() {
    return LocalEngine.instance().storage(tenant);
  }

  private Sandbox with(SandboxOptions.Builder options) {
    return LocalEngine.instance().create(options.build(), tenant);
  }

  private Sandbox withData() {
    return with(SandboxOptions.builder().volume("/data", "data"));
  }

  @TestFactory
  Stream<DynamicTest> nothingIsLostOrLeftWhereAMachineIsKilled() throws Exception {
    // What is deleted is gone at once, so that it is seen whether that is all.
    tenant = new Tenant("", Optional.of(path()), StorageLimits.NONE, Optional.of(Duration.ZERO));
    HostStock before = HostStock.take();
    Set<FaultPoint> reached = EnumSet.noneOf(FaultPoint.class);
    List<DynamicTest> tests = new ArrayList<>();
    for (Operation operation : Operation.values()) {
      for (Moment moment : momentsOf(operation)) {
        reached.add(moment.point);
        tests.add(
            DynamicTest.dynamicTest(
                "%s, %s %d".formatted(operation, moment.point, moment.time),
                () -> {
                  killAt(operation, moment);
                  before.assertNothingMore();
                }));
      }
    }
    assertThat(EnumSet.complementOf(EnumSet.copyOf(reached)))
        .as("what is come by without a machine only")
        .isEqualTo(WITHOUT_MACHINE);
    return tests.stream();
  }

  /** Those at which there is a machine. */
  private List<Moment> momentsOf(Operation operation) throws Exception {
    List<Moment> moments = Collections.synchronizedList(new ArrayList<>());
    List<FaultPoint> reached = Collections.synchronizedList(new ArrayList<>());
    prepare(operation);
    try (Sandbox sandbox = withData();
        SyncedRecords records = SyncedRecords.write(sandbox, "/data", 0)) {
      records.awaitSaid(ENOUGH);
      if (operation == Operation.ATTACH) {
        sandbox.close();
      }
      try (FaultHook hook =
          new FaultHook(
              point -> {
                reached.add(point);
                if (!HostProcesses.qemus(ProcessHandle.current()).isEmpty()) {
                  moments.add(new Moment(point, Collections.frequency(reached, point)));
                }
              })) {
        assertThat(hook).isNotNull();
        run(operation, sandbox);
        sandbox.close();
      }
    }
    clear();
    assertThat(moments).isNotEmpty();
    return List.copyOf(moments);
  }

  private void prepare(Operation operation) {
    // One that failed leaves what it left.
    clear();
    storage().volumes().create(VolumeOptions.of("data", SIZE));
    switch (operation) {
      case CREATE -> storage().volumes().snapshot("data", "origin");
      case ATTACH -> storage().volumes().create(VolumeOptions.of("more", SIZE));
      case MERGE -> {
        storage().volumes().snapshot("data", "first");
        storage().volumes().snapshot("data", "second");
      }
      case SNAPSHOT, CHECKPOINT -> {
        // It needs nothing more.
      }
    }
  }

  private void run(Operation operation, Sandbox sandbox) {
    switch (operation) {
      case CREATE -> storage().volumes().create(VolumeOptions.of("made", SIZE).from("origin"));
      case ATTACH ->
          with(SandboxOptions.builder().volume("/data", "data").volume("/more", "more")).close();
      case SNAPSHOT -> storage().volumes().snapshot("data", "taken");
      case CHECKPOINT -> sandbox.checkpoint("saved");
      case MERGE -> {
        storage().snapshots().delete("first");
        await()
            .atMost(Duration.ofSeconds(40))
            .until(() -> CatalogLook.depth(path(), "data") == 2 && leases().size() <= 1);
      }
    }
  }

  private void killAt(Operation operation, Moment moment) throws Exception {
    prepare(operation);
    AtomicBoolean killed = new AtomicBoolean();
    boolean done;
    int saidBefore;
    int said;
    try (Sandbox sandbox = withData();
        SyncedRecords records = SyncedRecords.write(sandbox, "/data", 0)) {
      records.awaitSaid(ENOUGH);
      if (operation == Operation.ATTACH) {
        sandbox.close();
      }
      saidBefore = records.said();
      AtomicInteger times = new AtomicInteger();
      try (FaultHook hook =
          new FaultHook(
              point -> {
                if (point == moment.point && times.incrementAndGet() == moment.time) {
                  killMachine();
                  killed.set(true);
                }
              })) {
        assertThat(hook).isNotNull();
        done = isDone(operation, sandbox);
      }
      assertThat(killed).as("it was come by").isTrue();
      sandbox.awaitEnd();
      said = records.awaitEnd();
    }
    assertThat(path().resolve("unclean").resolve(idOf("data"))).exists();
    checkWhatIsThere(operation, done, saidBefore, said);
    checkNothingIsLeft();
    clear();
  }

  private static void killMachine() {
    List<ProcessHandle> machines = HostProcesses.qemus(ProcessHandle.current());
    assertThat(machines).hasSize(1);
    machines.forEach(ProcessHandle::destroyForcibly);
    await().atMost(Duration.ofSeconds(10)).until(() -> !machines.getFirst().isAlive());
  }

  /** Whether it succeeds; where it does not, whoever asked is told why. */
  private boolean isDone(Operation operation, Sandbox sandbox) throws Exception {
    FutureTask<@Nullable Void> task =
        new FutureTask<>(
            () -> {
              run(operation, sandbox);
              return null;
            });
    Thread.ofVirtual().start(task);
    try {
      task.get(LONGEST_SECONDS, TimeUnit.SECONDS);
      return true;
    } catch (ExecutionException e) {
      assertThat(e).hasCauseInstanceOf(BelljarException.class);
      assertThat(e.getCause())
          .message()
          .isNotBlank()
          .doesNotContain("null", "Exception", directory.toString());
      return false;
    }
  }

  private void checkWhatIsThere(Operation operation, boolean done, int saidBefore, int said) {
    SandboxOptions.Builder options = SandboxOptions.builder().volume("/data", "data");
    switch (operation) {
      case CREATE -> {
        assertThat(done).isTrue();
        options.volume("/made", "made");
      }
      case ATTACH -> options.volume("/more", "more");
      case SNAPSHOT -> {
        assertThat(storage().snapshots().get("taken").isPresent()).isEqualTo(done);
        if (done) {
          storage().volumes().create(VolumeOptions.of("copy", SIZE).from("taken"));
          options.volume("/copy", "copy");
        }
      }
      case CHECKPOINT -> {
        assertThat(storage().checkpoints().get("saved").isPresent()).isEqualTo(done);
        if (done) {
          try (Sandbox sandbox = with(SandboxOptions.builder().checkpoint("saved"))) {
            assertThat(SyncedRecords.count(sandbox, "/data")).isGreaterThanOrEqualTo(saidBefore);
          }
        }
      }
      case MERGE -> assertThat(done).isTrue();
    }
    try (Sandbox sandbox = with(options)) {
      assertThat(SyncedRecords.count(sandbox, "/data")).isGreaterThanOrEqualTo(said);
      if (operation == Operation.SNAPSHOT && done) {
        assertThat(SyncedRecords.count(sandbox, "/copy")).isGreaterThanOrEqualTo(saidBefore);
      }
    }
    assertThat(path().resolve("unclean")).isEmptyDirectory();
  }

  private void checkNothingIsLeft() throws IOException {
    // What a snapshot that was not made has left may be merged just now.
    await()
        .atMost(Duration.ofSeconds(20))
        .untilAsserted(
            () -> {
              assertThat(leases()).isEmpty();
              assertThat(layerFiles()).isEqualTo(CatalogLook.layerFiles(path()));
            });
    DataReport report = StoredData.check(path(), step -> {});
    assertThat(report.isFine()).as(report::toString).isTrue();
    assertThat(report.removed()).isEmpty();
    assertThat(report.deadLeases()).isZero();
  }

  /** Deletes all that there is, after which there is no layer. */
  private void clear() {
    Storage storage = storage();
    storage
        .checkpoints()
        .list(PageRequest.FIRST)
        .items()
        .forEach(one -> storage.checkpoints().delete(one.id()));
    storage
        .snapshots()
        .list(PageRequest.FIRST)
        .items()
        .forEach(one -> storage.snapshots().delete(one.id()));
    for (Volume volume : storage.volumes().list(PageRequest.FIRST).items()) {
      storage.volumes().delete(volume.id());
    }
    await()
        .atMost(Duration.ofSeconds(20))
        .untilAsserted(
            () -> {
              assertThat(layerFiles()).isEmpty();
              assertThat(path().resolve("checkpoints"))
                  .satisfiesAnyOf(
                      checkpoints -> assertThat(checkpoints).doesNotExist(),
                      checkpoints -> assertThat(checkpoints).isEmptyDirectory());
            });
  }

  private String idOf(String slug) {
    return storage().volumes().get(slug).orElseThrow().id();
  }

  /** Of this process, which alone has it open. */
  private Set<Path> leases() throws IOException {
    return files(path().resolve("leases"), ".lock");
  }

  private Set<Path> layerFiles() throws IOException {
    return files(path().resolve("layers"), ".none");
  }

  private static Set<Path> files(Path below, String without) throws IOException {
    if (!Files.exists(below)) {
      return Set.of();
    }
    try (Stream<Path> all = Files.walk(below)) {
      return new TreeSet<>(
          all.filter(Files::isRegularFile)
              .filter(file -> !file.toString().endsWith(without))
              .toList());
    }
  }
}
