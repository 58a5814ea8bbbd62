package dev.belljar.bench;

import dev.belljar.ByteSize;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.agent.Agent;
import dev.belljar.engine.agent.Agent.Purpose;
import dev.belljar.engine.agent.AgentConnection.ProcessExit;
import dev.belljar.engine.agent.AgentProcess;
import dev.belljar.engine.vmm.HostTools;
import dev.belljar.engine.vmm.Machine;
import dev.belljar.engine.vmm.MachineDisk;
import dev.belljar.engine.vmm.MachineDisk.Format;
import dev.belljar.engine.vmm.MachineDisk.Layer;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * One guest that has a volume, and the same file system in a raw file: 256 MiB are written to each
 * in turn and forced to disk.
 */
final class VolumeWrites {
  private static final long DISK = 1L << 30;
  private static final int SIZE = 256 << 20;
  private static final double TARGET_RATIO = 0.5;
  private static final int ROUNDS = 10;
  private static final int VOLUME_SLOT = 1;
  private static final int RAW_SLOT = 2;

  private VolumeWrites() {}

  static List<Measurement> measure(Workbench bench, StoredDisks.Here here) throws Exception {
    here.storage().volumes().create(VolumeOptions.of("volume", new ByteSize(DISK)));
    List<MachineDisk> disks =
        List.of(
            new MachineDisk(VOLUME_SLOT, List.of(layerOfVolume(here)), DISK),
            new MachineDisk(RAW_SLOT, List.of(raw(bench)), DISK));
    try (ColdMachines machines = ColdMachines.open();
        Machine machine = machines.boot(disks)) {
      Agent agent = machine.agent();
      agent.attach(VOLUME_SLOT, Purpose.VOLUME, DISK, "/volume");
      agent.attach(RAW_SLOT, Purpose.VOLUME, DISK, "/raw");
      // What is written is in the guest's memory before: no time goes into making it.
      run(agent, "mount -t tmpfs tmpfs /mnt && head -c 256M /dev/urandom > /mnt/data");
      Recording recording =
          bench
              .rounds(ROUNDS)
              .play(
                  List.of(
                      into -> {
                        double volume = write(agent, "/volume");
                        double raw = write(agent, "/raw");
                        into.add("volume", volume);
                        into.add("raw", raw);
                        into.add("ratio", volume / raw);
                      }));
      Unit rate = Unit.MEGABYTES_PER_SECOND;
      return List.of(
          new Measurement(
              "storage.write",
              "write 256 MiB to a volume in the guest, forced to disk",
              recording.samples("volume", rate),
              new Alternative(
                  "a raw file as the same guest's disk", recording.samples("raw", rate))),
          new Measurement(
              "storage.write.ratio",
              "that rate beside the raw file's, pair by pair",
              recording.samples("ratio", Unit.TIMES),
              TARGET_RATIO,
              List.of()));
    }
  }

  private static Layer layerOfVolume(StoredDisks.Here here) throws IOException {
    try (Stream<Path> files = Files.walk(here.directory().resolve("layers"))) {
      Path file = files.filter(Files::isRegularFile).findFirst().orElseThrow();
      return layer(file, Format.QCOW2);
    }
  }

  private static Layer raw(Workbench bench) throws Exception {
    Path directory = Files.createDirectory(bench.scratch().directory().resolve("raw"));
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
    Path file = directory.resolve("raw.img");
    try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.setLength(DISK);
    }
    Optional<Path> mkfs = HostTools.locate("mkfs.ext4");
    if (mkfs.isEmpty()) {
      throw new SkippedException("mkfs.ext4 is missing");
    }
    // As volumes are made.
    HostCommand.of(
            mkfs.get().toString(),
            "-q",
            "-F",
            "-m",
            "0",
            "-E",
            "lazy_itable_init=1,assume_storage_prezeroed=1,nodiscard",
            file.toString())
        .run();
    return layer(file, Format.RAW);
  }

  private static Layer layer(Path file, Format format) {
    return new Layer(
        Optional.ofNullable(file.getParent()).orElseThrow(),
        String.valueOf(file.getFileName()),
        true,
        format);
  }

  /** Megabytes per second; what was written is discarded again. */
  private static double write(Agent agent, String directory) throws Exception {
    long began = System.nanoTime();
    run(agent, "dd if=/mnt/data of=" + directory + "/data bs=1M conv=fsync");
    double rate = SIZE * 1e3 / (System.nanoTime() - began);
    run(agent, "rm " + directory + "/data; sync");
    return rate;
  }

  private static void run(Agent agent, String command) throws Exception {
    AgentProcess process =
        agent.spawn(
            new AgentProcess.Start(
                List.of("/bin/sh", "-c", command),
                List.of("PATH=/usr/sbin:/usr/bin"),
                "/",
                "root",
                022,
                false,
                false,
                false,
                0,
                0));
    ProcessExit exit = process.exit().get();
    if (exit.code() != 0) {
      throw new IOException(command + " ended with " + exit + " in the guest");
    }
  }
}
