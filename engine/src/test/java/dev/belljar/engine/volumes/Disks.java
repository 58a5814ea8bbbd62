package dev.belljar.engine.volumes;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What tests need to make disks. */
final class Disks {
  private static final Path QEMU_IMG = Path.of("/usr/bin/qemu-img");

  private Disks() {}

  static DiskTools tools() {
    return new DiskTools(QEMU_IMG, Path.of("/sbin/mkfs.ext4"), Disks::unconfined);
  }

  /** As the tests' own user: what tests make does no harm. */
  private static ConfinedDiskTool.Ended unconfined(
      List<Path> read,
      Optional<Path> written,
      long largest,
      Duration limit,
      ConfinedDiskTool.Arguments arguments)
      throws IOException {
    List<String> command = new ArrayList<>(List.of(QEMU_IMG.toString()));
    command.addAll(
        arguments.of(
            read.stream().map(Path::toString).toList(), written.map(Path::toString).orElse("")));
    Process process = new ProcessBuilder(command).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    String complaints = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
    try {
      return new ConfinedDiskTool.Ended(process.waitFor(), output, complaints);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(e);
    }
  }
}
