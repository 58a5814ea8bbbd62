package dev.belljar.engine.volumes;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The disks of a checkpoint.
 *
 * @param image the hash of the image that the machine's own disk lies above
 * @param own files of the machine's own disk in the checkpoint's directory, the uppermost first
 * @param others the other disks
 */
public record SavedDisks(String image, List<String> own, List<SavedDisk> others) {

  /** Copies what changes. */
  public SavedDisks {
    own = List.copyOf(own);
    others = List.copyOf(others);
  }

  /**
   * A disk beyond the machine's own.
   *
   * @param slot where the machine has it
   * @param bytes its size
   * @param files files in the checkpoint's directory, the uppermost first
   * @param top the layer of a volume or snapshot below them
   * @param image the hash of the image whose root is below them instead
   */
  public record SavedDisk(
      int slot, long bytes, List<String> files, Optional<String> top, Optional<String> image) {

    /** Copies what changes. */
    public SavedDisk {
      files = List.copyOf(files);
    }
  }

  SavedDisks withTopInPlaceOf(String old, String layer) {
    return new SavedDisks(
        image,
        own,
        others.stream()
            .map(
                disk ->
                    disk.top().equals(Optional.of(old))
                        ? new SavedDisk(
                            disk.slot(),
                            disk.bytes(),
                            disk.files(),
                            Optional.of(layer),
                            disk.image())
                        : disk)
            .toList());
  }

  Optional<String> topIn(int slot) {
    return others.stream().filter(disk -> disk.slot() == slot).findFirst().flatMap(SavedDisk::top);
  }

  /** The layers that they stand on. */
  Stream<String> tops() {
    return others.stream().flatMap(disk -> disk.top().stream());
  }

  /** The images that they stand on. */
  Stream<String> images() {
    return Stream.concat(Stream.of(image), others.stream().flatMap(disk -> disk.image().stream()));
  }

  /** Every file in the checkpoint's directory. */
  Stream<String> files() {
    return Stream.concat(own.stream(), others.stream().flatMap(disk -> disk.files().stream()));
  }
}
