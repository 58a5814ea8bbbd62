package dev.belljar.bench;

import dev.belljar.ByteSize;
import dev.belljar.ChildProcess;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.SpawnOptions;
import dev.belljar.SpawnOptions.Stdio;
import dev.belljar.Storage;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.storage.FileTree;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/**
 * Snapshots of a volume of 5 GB that holds 2 GB, beside copying the same files; and how long a
 * program in the guest that writes to it stands still meanwhile.
 */
final class VolumeSnapshots {
  private static final String VOLUME = "large";
  private static final double LONGEST_SNAPSHOT = 150;
  private static final double LONGEST_PAUSE = 100;

  /** Each adds a layer to the volume, and a disk stands on 31 at most. */
  private static final int ROUNDS = 10;

  private static final int WATCH_MILLIS = 300;

  private static final String FILL =
      "import os; b = os.urandom(64 << 20); f = open('/data/large', 'wb'); [f.write(b) for _ in range(30)]; os.fsync(f.fileno())";

  /** Writes all the time, until there is input; then says what the longest write took, in ms. */
  private static final String PAUSES =
      """
      import os, select, time
      file = os.open("/data/pauses", os.O_WRONLY | os.O_CREAT)
      longest = 0
      print("ready", flush=True)
      while not select.select([0], [], [], 0.0005)[0]:
          began = time.perf_counter()
          os.pwrite(file, b"x" * 512, 0)
          longest = max(longest, time.perf_counter() - began)
      print(longest * 1000)
      """;

  private final StoredDisks.Here here;
  private final Storage storage;
  private int made;

  VolumeSnapshots(StoredDisks.Here here) {
    this.here = here;
    storage = here.storage();
  }

  /** False where layers were merged meanwhile, and files went under the copy's hands. */
  private static boolean copied(HostCommand copying) throws Exception {
    try {
      copying.run();
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  List<Measurement> measure(Workbench bench) throws Exception {
    storage.volumes().create(VolumeOptions.of(VOLUME, ByteSize.parse("5GB")));
    try (Sandbox sandbox = with()) {
      GuestCommand.of("python3", "-c", FILL).text(sandbox);
    }
    Path layers = here.directory().resolve("layers");
    Path copy = bench.scratch().directory().resolve("copy");
    HostCommand copying = HostCommand.of("cp", "-r", layers.toString(), copy.toString());
    Recording idle =
        bench
            .rounds(ROUNDS)
            .play(
                List.of(
                    this::snapshot,
                    into -> {
                      long began = System.nanoTime();
                      if (copied(copying)) {
                        into.addMillisSince("copy", began);
                      }
                      FileTree.delete(copy);
                    }));
    Recording used;
    try (Sandbox sandbox = with()) {
      used =
          bench
              .rounds(ROUNDS)
              .play(
                  List.of(
                      into -> into.add("pause", pause(sandbox, () -> snapshot(into))),
                      into -> into.add("quiet", pause(sandbox, () -> Thread.sleep(WATCH_MILLIS)))));
    }
    Unit unit = Unit.MILLISECONDS;
    Alternative copied =
        new Alternative("`cp -r` of its files, not forced to disk", idle.samples("copy", unit));
    return List.of(
        new Measurement(
            "storage.snapshot",
            "snapshot of a volume of 5 GB with 2 GB in it",
            idle.samples("snapshot", unit),
            LONGEST_SNAPSHOT,
            List.of(copied)),
        new Measurement(
            "storage.snapshot.in-use",
            "the same while a sandbox writes to it",
            used.samples("snapshot", unit),
            LONGEST_SNAPSHOT,
            List.of(copied)),
        new Measurement(
            "storage.snapshot.pause",
            "the longest write of a program in that sandbox meanwhile",
            used.samples("pause", unit),
            LONGEST_PAUSE,
            List.of(new Alternative("without a snapshot", used.samples("quiet", unit)))));
  }

  private Sandbox with() {
    return here.create(SandboxOptions.builder().volume("/data", VOLUME));
  }

  private void snapshot(Recording into) {
    String slug = VOLUME + "-" + ++made;
    long began = System.nanoTime();
    storage.volumes().snapshot(VOLUME, slug);
    into.addMillisSince("snapshot", began);
    storage.snapshots().delete(slug);
  }

  /** Something during which the guest is watched. */
  @FunctionalInterface
  private interface Watched {
    void run() throws InterruptedException;
  }

  /** How long the longest write of the guest took, as the guest saw it. */
  private static double pause(Sandbox sandbox, Watched watched)
      throws IOException, InterruptedException {
    SpawnOptions options =
        SpawnOptions.builder()
            .args("-c", PAUSES)
            .stdin(Stdio.PIPED)
            .stdout(Stdio.PIPED)
            .stderr(Stdio.NULL)
            .build();
    try (ChildProcess child = sandbox.spawn("python3", options);
        BufferedReader lines =
            new BufferedReader(new InputStreamReader(child.stdout(), StandardCharsets.US_ASCII))) {
      if (!"ready".equals(lines.readLine())) {
        throw new IOException("The program that is to be watched did not start.");
      }
      watched.run();
      child.stdin().close();
      String longest = lines.readLine();
      if (longest == null) {
        throw new IOException("The program that was watched did not say how long it stood still.");
      }
      return Double.parseDouble(longest);
    }
  }
}
