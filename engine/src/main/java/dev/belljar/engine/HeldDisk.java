package dev.belljar.engine;

import dev.belljar.engine.vmm.MachineDisk;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A disk of a machine that runs, as far as a checkpoint must know it: what the guest writes to, and
 * what is below that.
 */
final class HeldDisk {
  private final Optional<MachineDisk> disk;
  private final Optional<String> volume;
  private final Optional<String> origin;
  private final Optional<String> image;
  private final List<Path> frozen;
  private Path current;

  private HeldDisk(
      Optional<MachineDisk> disk,
      Optional<String> volume,
      Path current,
      List<Path> frozen,
      Optional<String> origin,
      Optional<String> image) {
    this.disk = disk;
    this.volume = volume;
    this.current = current;
    this.frozen = new ArrayList<>(frozen);
    this.origin = origin;
    this.image = image;
  }

  /** The machine's own, above those files. */
  static HeldDisk own(Path current, List<Path> frozen) {
    return new HeldDisk(
        Optional.empty(), Optional.empty(), current, frozen, Optional.empty(), Optional.empty());
  }

  /** A volume, whose files are the store's. */
  static HeldDisk ofVolume(MachineDisk disk, String volume) {
    return new HeldDisk(
        Optional.of(disk),
        Optional.of(volume),
        topOf(disk),
        List.of(),
        Optional.empty(),
        Optional.empty());
  }

  /**
   * One whose uppermost file is gone with the machine.
   *
   * @param frozen files below it that are a checkpoint's
   * @param origin the snapshot or checkpoint whose layers of the store are below those
   * @param image the image whose root is below those instead
   */
  static HeldDisk passing(
      MachineDisk disk, List<Path> frozen, Optional<String> origin, Optional<String> image) {
    return new HeldDisk(Optional.of(disk), Optional.empty(), topOf(disk), frozen, origin, image);
  }

  private static Path topOf(MachineDisk disk) {
    MachineDisk.Layer layer = disk.layers().getFirst();
    return layer.directory().resolve(layer.name());
  }

  /** Empty: the machine's own. */
  Optional<MachineDisk> disk() {
    return disk;
  }

  Optional<String> volume() {
    return volume;
  }

  /** The snapshot or checkpoint whose layers are below its files. */
  Optional<String> origin() {
    return origin;
  }

  Optional<String> image() {
    return image;
  }

  /** The file that the guest writes to; a volume's is the store's to know. */
  Path current() {
    return current;
  }

  /** Files below it that are not the store's, the uppermost first. */
  List<Path> frozen() {
    return List.copyOf(frozen);
  }

  /**
   * The guest writes to that file from now on, above the one that it wrote to.
   *
   * @param kept another name of that one, where the machine cannot put anything in its place
   */
  void switchedTo(Path next, Path kept) {
    frozen.addFirst(kept);
    current = next;
  }
}
