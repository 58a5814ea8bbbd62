package dev.belljar.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import dev.belljar.ByteSize;
import dev.belljar.Storage;
import dev.belljar.StorageException;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.vmm.HostTools;
import dev.belljar.engine.volumes.BootImage;
import dev.belljar.engine.volumes.DataReport;
import dev.belljar.engine.volumes.DiskTools;
import dev.belljar.engine.volumes.VolumeStore;
import dev.belljar.spi.Tenant;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What is left when a process ends while it merges layers or cannot, and how QEMU is confined
 * meanwhile.
 */
@Timeout(120)
class UnfinishedMergeIT {
  private static final Duration SOON = Duration.ofMillis(20);

  /** Enough to be seen while it is copied. */
  private static final String WRITTEN = "-P 7 100M 900M";

  @TempDir private Path directory;

  private Path storage() {
    return directory.resolve("storage");
  }

  /** One that merges nothing. */
  private VolumeStore store() throws IOException {
    HostTools tools = HostTools.find().orElseThrow();
    return VolumeStore.open(
        storage(),
        new DiskTools(
            tools.qemuImg(),
            HostTools.locate("mkfs.ext4").orElseThrow(),
            (read, written, largest, limit, arguments) -> {
              throw new IOException("There is nothing to look at.");
            }),
        (files, kept, bytes) -> {
          throw new IOException("not here");
        },
        InstantSource.system(),
        Optional.empty());
  }

  /** Has a volume of which layers can be merged. */
  private void prepare() throws IOException, InterruptedException {
    try (VolumeStore store = store()) {
      VolumeOptions options = VolumeOptions.of("data", ByteSize.parse("2GB"));
      store.create("", options, new BootImage("none", directory));
      store.snapshot("", "data", "first");
      try (var opened = store.openVolume("", "data", "sbx")) {
        io("write " + WRITTEN, opened.layers().getFirst());
      }
      store.snapshot("", "data", "second");
      store.deleteSnapshot("", "first");
    }
  }

  private static void io(String command, Path file) throws IOException, InterruptedException {
    String read = command.startsWith("read") ? "-r" : "-n";
    Process process =
        new ProcessBuilder("qemu-io", read, "-f", "qcow2", "-c", command, file.toString())
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor()).as(said).isZero();
    assertThat(said).doesNotContain("failed");
  }

  private Set<Path> files() throws IOException {
    try (Stream<Path> all = Files.walk(storage())) {
      return new TreeSet<>(
          all.filter(Files::isRegularFile)
              .filter(file -> !file.startsWith(storage().resolve("leases")))
              .toList());
    }
  }

  private static ProcessHandle qemu(HoldingProgram program) {
    return await()
        .pollInterval(SOON)
        .until(() -> HostProcesses.qemus(program.handle()), found -> !found.isEmpty())
        .getFirst();
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aProcessThatEndsWhileItMergesLeavesNothing(boolean killed) throws Exception {
    prepare();
    Set<Path> before = files();
    List<ProcessHandle> machinery;
    try (HoldingProgram program = HoldingProgram.startOver(storage())) {
      assertThat(qemu(program).isAlive()).isTrue();
      machinery = HostProcesses.machinery(program.handle());
      if (killed) {
        program.close();
      } else {
        program.end();
        assertThat(files()).isEqualTo(before);
      }
    }
    await()
        .atMost(Duration.ofSeconds(10))
        .untilAsserted(() -> assertThat(machinery).noneMatch(ProcessHandle::isAlive));
    // The next one begins anew.
    Tenant tenant = new Tenant("", Optional.of(storage()));
    LocalEngine.instance().storage(tenant);
    assertThat(files()).isEqualTo(before);
    await()
        .atMost(Duration.ofSeconds(60))
        .untilAsserted(() -> assertThat(files()).hasSize(before.size() - 1));
    Set<Path> made = files();
    made.removeAll(before);
    assertThat(made).hasSize(1);
    io("read " + WRITTEN, made.iterator().next());
  }

  @Test
  void aMergeWhoseQemuIsKilledLeavesEverythingAsItWas() throws Exception {
    HostStock stock = HostStock.take();
    prepare();
    Set<Path> before = files();
    Tenant tenant = new Tenant("", Optional.of(storage()));
    Storage storage = LocalEngine.instance().storage(tenant);
    ProcessHandle qemu =
        await()
            .pollInterval(SOON)
            .until(() -> HostProcesses.qemus(ProcessHandle.current()), found -> !found.isEmpty())
            .getFirst();
    assertThat(files()).hasSize(before.size() + 1);
    assertThat(qemu.destroyForcibly()).isTrue();
    await()
        .atMost(Duration.ofSeconds(20))
        .untilAsserted(() -> assertThat(files()).isEqualTo(before));
    stock.assertNothingMore();
    DataReport report = StoredData.check(storage(), step -> {});
    assertThat(report.isFine()).as(report::toString).isTrue();
    assertThat(report.removed()).isEmpty();
    // What it was killed over is as it was, and can be used.
    io("read " + WRITTEN, largest(before));
    storage.volumes().create(VolumeOptions.of("copy", ByteSize.parse("2GB")).from("second"));
    storage.volumes().snapshot("data", "third");
  }

  private static Path largest(Set<Path> files) throws IOException {
    Path largest = files.iterator().next();
    for (Path file : files) {
      largest = Files.size(file) > Files.size(largest) ? file : largest;
    }
    return largest;
  }

  @Test
  void aLayerThatCannotBeReadIsNotMergedAndTheSnapshotThatNeedsThatIsRefused() throws Exception {
    try (VolumeStore store = store()) {
      VolumeOptions options = VolumeOptions.of("data", ByteSize.parse("300MB"));
      store.create("", options, new BootImage("none", directory));
      // A head that is damaged like that has no snapshot.
      store.snapshot("", "data", "s0");
      try (var opened = store.openVolume("", "data", "sbx")) {
        damage(opened.layers().getLast());
      }
      for (int i = 1; i < 31; i++) {
        store.snapshot("", "data", "s" + i);
      }
    }
    Storage storage = LocalEngine.instance().storage(new Tenant("", Optional.of(storage())));
    Set<Path> before = files();
    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(() -> storage.volumes().snapshot("data", "another"))
        .satisfies(e -> assertThat(e.reason()).isEqualTo(StorageException.Reason.FULL))
        .withMessageContaining("could not be merged");
    await().untilAsserted(() -> assertThat(files()).isEqualTo(before));
  }

  /** Has the first entry of the table of its tables lead nowhere. */
  private static void damage(Path file) throws IOException {
    assertThat(file.toFile().setWritable(true)).isTrue();
    try (RandomAccessFile layer = new RandomAccessFile(file.toFile(), "rw")) {
      layer.seek(40);
      long table = layer.readLong();
      layer.seek(table);
      layer.writeLong(-1);
    }
  }

  @Test
  void itIsConfinedAsMachinesAreAndYieldsToThem() throws Exception {
    prepare();
    try (HoldingProgram program = HoldingProgram.startOver(storage())) {
      ProcessHandle qemu = qemu(program);
      Path process = Path.of("/proc/" + qemu.pid());
      int own = (Integer) Files.getAttribute(Path.of("/proc/self"), "unix:uid");
      List<String> mounts = Files.readAllLines(process.resolve("mountinfo"));
      // From when it has its filter of system calls.
      List<String> status =
          await()
              .pollInterval(SOON)
              .until(
                  () -> Files.readAllLines(process.resolve("status")),
                  lines -> lines.contains("Seccomp:\t2"));
      String nice = Files.readString(process.resolve("stat")).replaceFirst(".*\\) ", "");
      assertThat(nice.split(" ", -1)[16]).isEqualTo("19");
      assertThat(status).contains("NoNewPrivs:\t1", "CapEff:\t0000000000000000");
      assertThat(status.stream().filter(line -> line.startsWith("Uid:")).toList())
          .allMatch(line -> own != 0 || !line.contains("\t0"));
      assertThat(mounts.stream().filter(line -> line.contains(" /layers/")).toList())
          .hasSize(3)
          .allMatch(
              line -> line.contains(" /layers/0 rw,") || line.matches(".* /layers/[12] ro,.*"));
      program.end();
    }
  }
}
