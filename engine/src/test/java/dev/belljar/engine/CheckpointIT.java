package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import dev.belljar.BelljarException;
import dev.belljar.ByteSize;
import dev.belljar.Checkpoint;
import dev.belljar.ChildProcess;
import dev.belljar.DenoRepl;
import dev.belljar.EgressRecord;
import dev.belljar.FsFile;
import dev.belljar.InvalidOptionException;
import dev.belljar.PageRequest;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.SandboxPausedException;
import dev.belljar.SpawnOptions;
import dev.belljar.Storage;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.storage.Directories;
import dev.belljar.engine.volumes.FaultHook;
import dev.belljar.engine.volumes.FaultPoint;
import dev.belljar.spi.Tenant;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(180)
class CheckpointIT {
  /** Keeps a number in memory: prints it, one larger each time, for each connection. */
  private static final String COUNTER =
      """
      import socket
      listener = socket.create_server(('127.0.0.1', 7000))
      number = 0
      while True:
          connection, _ = listener.accept()
          number += 1
          connection.sendall(b'%d' % number)
          connection.close()
      """;

  @TempDir private Path directory;
  private Tenant tenant = Tenant.OWN;
  private Storage storage;

  @BeforeEach
  void open() {
    tenant = new Tenant("", Optional.of(directory.resolve("storage")));
    storage = LocalEngine.instance().storage(tenant);
  }

  private Sandbox with(SandboxOptions.Builder options) {
    return LocalEngine.instance().create(options.build(), tenant);
  }

  private Sandbox from(String checkpoint) {
    return with(SandboxOptions.builder().checkpoint(checkpoint));
  }

  private static ChildProcess startCounter(Sandbox sandbox) {
    sandbox.fs().writeTextFile("/tmp/counter.py", COUNTER);
    ChildProcess process = sandbox.spawn("python3", "/tmp/counter.py");
    sandbox
        .sh("for i in $(seq 100); do ss -ltn | grep -q :7000 && exit; sleep 0.1; done; exit 1")
        .text();
    return process;
  }

  private static String count(Sandbox sandbox) {
    return sandbox.sh("exec 3<>/dev/tcp/127.0.0.1/7000; cat <&3").text();
  }

  @Test
  void everySandboxGoesOnFromTheInstant() {
    try (Sandbox origin = with(SandboxOptions.builder())) {
      startCounter(origin);
      origin.fs().writeTextFile("/home/app/file", "before");
      assertThat(count(origin)).isEqualTo("1");
      Checkpoint checkpoint = origin.checkpoint("warm");
      assertThat(checkpoint.sandbox()).isEqualTo(origin.id());
      assertThat(count(origin)).as("the origin goes on").isEqualTo("2");
      origin.fs().writeTextFile("/home/app/file", "origin");
      List<String> names = new ArrayList<>();
      List<String> randoms = new ArrayList<>();
      for (int i = 0; i < 2; i++) {
        try (Sandbox fork = from("warm");
            Sandbox beside = from(checkpoint.id())) {
          assertThat(count(fork)).isEqualTo("2");
          assertThat(count(fork)).isEqualTo("3");
          assertThat(count(beside)).isEqualTo("2");
          assertThat(fork.fs().readTextFile("/home/app/file")).isEqualTo("before");
          fork.fs().writeTextFile("/home/app/file", "fork");
          assertThat(beside.fs().readTextFile("/home/app/file")).isEqualTo("before");
          for (Sandbox one : List.of(fork, beside)) {
            names.add(
                one.sh("hostname; cat /etc/machine-id /proc/sys/kernel/random/boot_id").text());
            randoms.add(one.sh("head -c 16 /dev/urandom | base64").text());
            long clock = Long.parseLong(one.sh("date +%s").text().strip());
            assertThat(clock)
                .isBetween(Instant.now().getEpochSecond() - 2, Instant.now().getEpochSecond() + 2);
          }
        }
      }
      names.add(origin.sh("hostname; cat /etc/machine-id /proc/sys/kernel/random/boot_id").text());
      assertThat(names).doesNotHaveDuplicates();
      assertThat(randoms).doesNotHaveDuplicates();
      assertThat(origin.fs().readTextFile("/home/app/file")).isEqualTo("origin");
    }
    assertThat(storage.checkpoints().list(PageRequest.FIRST).items()).hasSize(1);
    storage.checkpoints().delete("warm");
    assertThat(storage.checkpoints().get("warm")).isEmpty();
    assertThat(directory.resolve("storage/checkpoints")).isEmptyDirectory();
  }

  @Test
  void aPausedSandboxStandsStill() {
    try (Sandbox sandbox = with(SandboxOptions.builder())) {
      sandbox.spawn("sh", "-c", "while :; do echo x >> /tmp/ticks; sleep 0.05; done");
      sandbox.pause();
      sandbox.pause();
      assertThatExceptionOfType(SandboxPausedException.class)
          .isThrownBy(() -> sandbox.sh("true").text())
          .withMessageContaining(sandbox.id());
      assertThatExceptionOfType(SandboxPausedException.class)
          .isThrownBy(() -> sandbox.checkpoint("no"));
      sandbox.resume();
      sandbox.resume();
      long clock = Long.parseLong(sandbox.sh("date +%s").text().strip());
      assertThat(clock)
          .isBetween(Instant.now().getEpochSecond() - 2, Instant.now().getEpochSecond() + 2);
      sandbox.pause();
    }
  }

  @Test
  void aPausedSandboxCostsNoProcessorTime() {
    try (Sandbox sandbox = with(SandboxOptions.builder())) {
      sandbox.spawn("sh", "-c", "while :; do :; done");
      ProcessHandle machine = HostProcesses.ownQemus(1).getFirst();
      sandbox.pause();
      Duration before = machine.info().totalCpuDuration().orElseThrow();
      LockSupport.parkNanos(1_000_000_000);
      Duration spent = machine.info().totalCpuDuration().orElseThrow().minus(before);
      assertThat(spent).isLessThan(Duration.ofMillis(50));
    }
  }

  @Test
  void whatIsClosedWhileItStandsStillIsGivenBackAfterwards() {
    SandboxOptions.Builder lifetime = SandboxOptions.builder().timeout(Duration.ofMinutes(5));
    try (Sandbox sandbox = with(lifetime)) {
      FsFile file = sandbox.fs().create("/tmp/held");
      ChildProcess process = sandbox.spawn("sleep", "600");
      DenoRepl repl = sandbox.deno().repl();
      assertThat(sandbox.sh("sudo ls -l /proc/1/fd").text()).contains("/tmp/held");
      sandbox.pause();
      assertThat(sandbox.isPaused()).isTrue();
      assertThatExceptionOfType(SandboxPausedException.class).isThrownBy(() -> repl.eval("1"));
      Instant end = sandbox.extendTimeout(Duration.ofMinutes(20));
      assertThat(end).isAfter(Instant.now().plus(Duration.ofMinutes(19)));
      file.close();
      process.close();
      repl.close();
      sandbox.resume();
      assertThat(sandbox.isPaused()).isFalse();
      await()
          .untilAsserted(
              () -> assertThat(sandbox.sh("pgrep -x sleep; pgrep -x deno; true").text()).isEmpty());
      await()
          .untilAsserted(
              () ->
                  assertThat(sandbox.sh("sudo ls -l /proc/1/fd").text())
                      .doesNotContain("/tmp/held"));
    }
  }

  @Test
  void anInterruptLeavesNoMachineThatStandsStill() {
    try (Sandbox sandbox = with(SandboxOptions.builder())) {
      Thread.currentThread().interrupt();
      assertThatExceptionOfType(BelljarException.class)
          .isThrownBy(() -> sandbox.checkpoint("given-up"));
      assertThat(Thread.interrupted()).isTrue();
      assertThat(sandbox.sh("echo on").text()).isEqualTo("on\n");
      await().until(() -> storage.checkpoints().get("given-up").isPresent());
      assertThat(sandbox.sh("echo on").text()).isEqualTo("on\n");
    }
  }

  /** QEMU may put a link where its disk was. */
  @Test
  void whatAMachinePutsInThePlaceOfItsDiskIsNotFollowed() throws IOException {
    Path victim = Files.writeString(directory.resolve("victim"), "secret");
    Files.setAttribute(victim, "unix:mode", 0600);
    try (Sandbox origin = with(SandboxOptions.builder())) {
      origin.fs().writeTextFile("/home/app/file", "one");
      origin.checkpoint("first");
      Path disk = ownDisk();
      Files.delete(disk);
      Files.createSymbolicLink(disk, victim);
      origin.fs().writeTextFile("/home/app/file", "two");
      origin.checkpoint("second");
      Path current;
      try (Stream<Path> files = Files.list(disk.resolveSibling("."))) {
        current =
            files
                .filter(file -> file.getFileName().toString().startsWith("after-"))
                .max(Comparator.comparingLong(file -> file.toFile().lastModified()))
                .orElseThrow();
      }
      try (Stream<Path> files = Files.list(current.resolveSibling("."))) {
        for (Path file :
            (Iterable<Path>)
                files.filter(f -> f.getFileName().toString().startsWith("after-"))::iterator) {
          Files.delete(file);
          Files.createSymbolicLink(file, victim);
        }
      }
      assertThatExceptionOfType(BelljarException.class)
          .isThrownBy(() -> origin.checkpoint("third"));
      assertThat(origin.sh("echo on").text()).isEqualTo("on\n");
    }
    assertThat(Files.getAttribute(victim, "unix:mode")).isEqualTo(0100600);
    try (Sandbox fork = from("second")) {
      assertThat(fork.fs().readTextFile("/home/app/file")).isEqualTo("two");
    }
  }

  /** Of the only sandbox of this process. */
  private static Path ownDisk() throws IOException {
    String run = HostProcesses.runDirectories(ProcessHandle.current()).iterator().next();
    Path all = Directories.ofUser().cache().resolve("run").resolve(run);
    try (Stream<Path> files = Files.walk(all, 2)) {
      return files
          .filter(file -> file.endsWith("disk.qcow2") && Files.isRegularFile(file))
          .max(Comparator.comparingLong(file -> file.toFile().lastModified()))
          .orElseThrow();
    }
  }

  @Test
  void aPauseThatCrossesAnEndLosesNothing() throws Exception {
    storage.volumes().create(VolumeOptions.of("data", ByteSize.parse("300MB")));
    for (int i = 0; i < 4; i++) {
      try (Sandbox sandbox = with(SandboxOptions.builder().volume("/data", "data"))) {
        sandbox.fs().writeTextFile("/data/note", "kept " + i);
        FutureTask<Boolean> pausing =
            new FutureTask<>(
                () -> {
                  sandbox.pause();
                  return true;
                });
        Thread.ofVirtual().start(pausing);
        LockSupport.parkNanos(i * 1_000_000L);
      }
      try (Sandbox sandbox = with(SandboxOptions.builder().volume("/data", "data"))) {
        assertThat(sandbox.fs().readTextFile("/data/note")).isEqualTo("kept " + i);
      }
    }
  }

  @Test
  void whatAPausedSandboxWroteIsInItsVolume() {
    storage.volumes().create(VolumeOptions.of("data", ByteSize.parse("300MB")));
    try (Sandbox sandbox = with(SandboxOptions.builder().volume("/data", "data"))) {
      sandbox.fs().writeTextFile("/data/note", "kept");
      sandbox.pause();
    }
    try (Sandbox sandbox = with(SandboxOptions.builder().volume("/data", "data"))) {
      assertThat(sandbox.fs().readTextFile("/data/note")).isEqualTo("kept");
    }
  }

  /** Bytes that are on their way between host and guest belong to the origin and to nobody else. */
  @Test
  void whatFlowsGoesOnInTheOrigin() throws Exception {
    byte[] content = new byte[60 << 20];
    new Random(1).nextBytes(content);
    String sum = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
    try (Sandbox origin = with(SandboxOptions.builder())) {
      FutureTask<String> written =
          new FutureTask<>(
              () -> {
                origin.fs().writeFile("/home/app/large", content);
                return origin.sh("sha256sum < /home/app/large").text().substring(0, 64);
              });
      FutureTask<String> read =
          new FutureTask<>(
              () -> {
                var process = origin.spawn("sh", "-c", "head -c 60M /dev/urandom | tee /tmp/sent");
                MessageDigest digest = MessageDigest.getInstance("SHA-256");
                process
                    .stdout()
                    .transferTo(new DigestOutputStream(OutputStream.nullOutputStream(), digest));
                return HexFormat.of().formatHex(digest.digest());
              });
      Thread.ofVirtual().start(written);
      Thread.ofVirtual().start(read);
      for (int i = 0; i < 3; i++) {
        origin.checkpoint("at-" + i);
      }
      assertThat(written.get()).isEqualTo(sum);
      assertThat(read.get()).isEqualTo(origin.sh("sha256sum < /tmp/sent").text().substring(0, 64));
      for (int i = 0; i < 3; i++) {
        try (Sandbox fork = from("at-" + i)) {
          assertThat(fork.sh("echo fine").text()).isEqualTo("fine\n");
        }
      }
    }
  }

  /** Holds a connection, says how it ends, and how another try went. */
  private static final String CLIENT =
      """
      import socket
      def connect():
          try:
              connection = socket.create_connection(('raw.example.com', 80), 20)
              return connection, connection.recv(5).decode()
          except OSError as e:
              return None, type(e).__name__
      connection, said = connect()
      open('/tmp/first', 'w').write(said)
      try:
          said = connection.recv(1).decode() or 'end'
      except OSError as e:
          said = type(e).__name__
      open('/tmp/then', 'w').write(said + ' ' + connect()[1])
      """;

  @Test
  void connectionsAreClosedAndThePolicyIsTheNewOnes() throws Exception {
    try (ServerSocket server = new ServerSocket(0, 10, InetAddress.getLoopbackAddress())) {
      Thread.ofVirtual().start(() -> greetAll(server));
      String redirection = "raw.example.com:80:127.0.0.1:" + server.getLocalPort();
      try (Sandbox origin =
          with(SandboxOptions.builder().allowNet("raw.example.com").connectTo(redirection))) {
        origin.fs().writeTextFile("/tmp/client.py", CLIENT);
        origin.spawn("python3", "/tmp/client.py");
        assertThat(awaited(origin, "/tmp/first")).isEqualTo("hello");
        origin.checkpoint("connected");
        try (Sandbox same =
                with(
                    SandboxOptions.builder()
                        .checkpoint("connected")
                        .allowNet("raw.example.com")
                        .connectTo(redirection));
            Sandbox none = with(SandboxOptions.builder().checkpoint("connected").noNet())) {
          assertThat(awaited(same, "/tmp/then")).isEqualTo("ConnectionResetError hello");
          assertThat(awaited(none, "/tmp/then"))
              .startsWith("ConnectionResetError ")
              .endsWith("Error")
              .doesNotContain("hello");
          assertThat(none.egress()).allMatch(one -> one.verdict() == EgressRecord.Verdict.DENIED);
        }
        assertThat(origin.sh("test -e /tmp/then || echo open").text()).isEqualTo("open\n");
      }
    }
  }

  /** Keeps each connection for as long as its other end does. */
  private static void greetAll(ServerSocket server) {
    while (true) {
      try {
        Socket socket = server.accept();
        socket.getOutputStream().write("hello".getBytes(StandardCharsets.US_ASCII));
        Thread.ofVirtual().start(() -> awaitEnd(socket));
      } catch (IOException e) {
        return; // Closed: the test is over.
      }
    }
  }

  private static void awaitEnd(Socket socket) {
    try (socket) {
      socket.getInputStream().transferTo(OutputStream.nullOutputStream());
    } catch (IOException e) {
      // Reset.
    }
  }

  private static String awaited(Sandbox sandbox, String file) {
    return sandbox
        .sh(
            "for i in $(seq 300); do test -s %1$s && break; sleep 0.1; done; cat %1$s"
                .formatted(file))
        .text();
  }

  @Test
  void programsWriteOnWhereNobodyReads() {
    try (Sandbox origin = with(SandboxOptions.builder())) {
      String program =
          "line=$(head -c 1000 /dev/zero | tr '\\0' x); i=0; while :; do echo $line; echo $line >&2; i=$((i+1)); echo $i > /tmp/ticks; done";
      origin.spawn("bash", "-c", program);
      origin.spawn(
          "bash",
          SpawnOptions.builder()
              .args(List.of("-c", program.replace("ticks", "terminal")))
              .terminal(80, 24)
              .build());
      awaited(origin, "/tmp/ticks");
      awaited(origin, "/tmp/terminal");
      origin.checkpoint("writing");
      try (Sandbox fork = from("writing")) {
        for (String file : List.of("/tmp/ticks", "/tmp/terminal")) {
          String enough =
              "for i in $(seq 600); do n=$(cat %s); test \"${n:-0}\" -gt 2000 && echo enough && exit; sleep 0.1; done"
                  .formatted(file);
          assertThat(fork.sh(enough).text()).isEqualTo("enough\n");
        }
      }
    }
  }

  @Test
  void aDeletedCheckpointStaysForThoseThatRun() {
    try (Sandbox origin = with(SandboxOptions.builder())) {
      origin.checkpoint("one");
    }
    try (Sandbox fork = from("one")) {
      storage.checkpoints().delete("one");
      assertThatExceptionOfType(StorageException.class)
          .isThrownBy(() -> from("one").close())
          .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.NOT_FOUND));
      // What was never in memory comes from its files.
      assertThat(fork.sh("find /usr -type f -size -20k | head -n 3000 | xargs cat | wc -c").text())
          .isNotBlank();
      assertThat(directory.resolve("storage/checkpoints")).isNotEmptyDirectory();
    }
    assertThat(directory.resolve("storage/checkpoints")).isEmptyDirectory();
  }

  @Test
  void volumesAreAsTheyWereAndGoOnInTheOrigin() {
    storage.volumes().create(VolumeOptions.of("data", ByteSize.parse("400MB")));
    storage
        .volumes()
        .create(VolumeOptions.of("root", ByteSize.parse("400MB")).from("builtin:debian-13"));
    try (Sandbox origin = with(SandboxOptions.builder().root("root").volume("/data", "data"))) {
      origin.sh("echo before > /data/note; echo before > /home/app/note").text();
      origin.checkpoint("one");
      origin.sh("echo after > /data/note; echo after > /home/app/note").text();
      try (Sandbox fork = from("one")) {
        assertThat(fork.sh("cat /data/note /home/app/note").text()).isEqualTo("before\nbefore\n");
        fork.sh("echo fork > /data/note; echo fork > /home/app/note; sync").text();
        fork.checkpoint("two");
        fork.sh("echo later > /data/note").text();
      }
      try (Sandbox fork = from("two")) {
        assertThat(fork.sh("cat /data/note /home/app/note").text()).isEqualTo("fork\nfork\n");
      }
      origin.checkpoint("three");
      try (Sandbox fork = from("three")) {
        assertThat(fork.sh("cat /data/note /home/app/note").text()).isEqualTo("after\nafter\n");
      }
    }
    try (Sandbox again = with(SandboxOptions.builder().root("root").volume("/data", "data"))) {
      assertThat(again.sh("cat /data/note /home/app/note").text()).isEqualTo("after\nafter\n");
    }
  }

  /** Its layers below are open for as long as others stand on them, and are nobody's to write. */
  @Test
  void aVolumeIsOpenedAgainWhileForksAndCopiesOfItRun() {
    storage.volumes().create(VolumeOptions.of("data", ByteSize.parse("400MB")));
    try (Sandbox origin = with(SandboxOptions.builder().volume("/data", "data"))) {
      origin.sh("echo before > /data/note").text();
      origin.checkpoint("saved");
      storage.volumes().snapshot("data", "one");
      storage.volumes().create(VolumeOptions.of("copy", ByteSize.parse("400MB")).from("one"));
    }
    try (Sandbox fork = from("saved");
        Sandbox copy = with(SandboxOptions.builder().volume("/data", "copy"))) {
      for (int i = 0; i < 2; i++) {
        try (Sandbox again = with(SandboxOptions.builder().volume("/data", "data"))) {
          assertThat(again.sh("cat /data/note").text()).isEqualTo("before\n");
          assertThat(copy.sh("cat /data/note").text()).isEqualTo("before\n");
          assertThat(fork.sh("cat /data/note").text()).isEqualTo("before\n");
          storage.volumes().snapshot("data", "again-" + i);
        }
      }
    }
  }

  @Test
  void aVolumeThatEndsWhileAForkOfItRunsIsOpenedAgain() {
    storage.volumes().create(VolumeOptions.of("data", ByteSize.parse("400MB")));
    try (Sandbox origin = with(SandboxOptions.builder().volume("/data", "data"))) {
      origin.sh("echo before > /data/note").text();
      origin.checkpoint("saved");
      try (Sandbox fork = from("saved")) {
        origin.close();
        try (Sandbox again = with(SandboxOptions.builder().volume("/data", "data"))) {
          assertThat(again.sh("cat /data/note").text()).isEqualTo("before\n");
          assertThat(fork.sh("cat /data/note").text()).isEqualTo("before\n");
        }
      }
    }
  }

  /** Each of them gives the volume a new head. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aCheckpointAndASnapshotOfItsVolumeWaitForEachOther(boolean snapshotFirst) throws Exception {
    storage.volumes().create(VolumeOptions.of("data", ByteSize.parse("400MB")));
    try (Sandbox origin = with(SandboxOptions.builder().volume("/data", "data"))) {
      origin.sh("echo before > /data/note").text();
      Callable<Object> snapshot = () -> storage.volumes().snapshot("data", "one");
      Callable<Object> checkpoint = () -> origin.checkpoint("saved");
      FutureTask<Object> second = new FutureTask<>(snapshotFirst ? checkpoint : snapshot);
      AtomicBoolean begun = new AtomicBoolean();
      try (FaultHook hook =
          new FaultHook(
              point -> {
                if (point == FaultPoint.LAYER_MADE && begun.compareAndSet(false, true)) {
                  Thread.ofVirtual().start(second);
                  // It comes as far as it can meanwhile.
                  LockSupport.parkNanos(1_000_000_000);
                }
              })) {
        (snapshotFirst ? snapshot : checkpoint).call();
        second.get(60, TimeUnit.SECONDS);
      }
      origin.sh("echo after > /data/note").text();
    }
    storage.volumes().create(VolumeOptions.of("copy", ByteSize.parse("400MB")).from("one"));
    try (Sandbox copy = with(SandboxOptions.builder().volume("/data", "copy"))) {
      assertThat(copy.sh("cat /data/note").text()).isEqualTo("before\n");
    }
    try (Sandbox fork = from("saved")) {
      assertThat(fork.sh("cat /data/note").text()).isEqualTo("before\n");
    }
    try (Sandbox again = with(SandboxOptions.builder().volume("/data", "data"))) {
      assertThat(again.sh("cat /data/note").text()).isEqualTo("after\n");
    }
  }

  @Test
  void whatCannotBeIsSaid() {
    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(() -> from("nothing"))
        .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.NOT_FOUND));
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> SandboxOptions.builder().checkpoint("x").root("y").build());
    storage.volumes().create(VolumeOptions.of("taken", ByteSize.parse("300MB")));
    try (Sandbox sandbox = with(SandboxOptions.builder())) {
      assertThatExceptionOfType(InvalidOptionException.class)
          .isThrownBy(() -> sandbox.checkpoint("No Name"));
      assertThatExceptionOfType(StorageException.class)
          .isThrownBy(() -> sandbox.checkpoint("taken"))
          .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.SLUG_TAKEN));
      assertThat(sandbox.sh("echo on").text()).isEqualTo("on\n");
    }
  }
}
