package dev.belljar.engine.volumes;

import java.nio.file.Path;

/** What tests need to make disks. */
final class Disks {
  private Disks() {}

  static DiskTools tools() {
    return new DiskTools(Path.of("/usr/bin/qemu-img"), Path.of("/sbin/mkfs.ext4"));
  }
}
