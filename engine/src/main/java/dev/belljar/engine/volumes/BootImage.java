package dev.belljar.engine.volumes;

import java.nio.file.Path;

/**
 * The image that bootable volumes lie above.
 *
 * @param hash what tells it from others
 * @param directory holds its root file system, {@link #NAME}
 */
public record BootImage(String hash, Path directory) {
  /** The root file system's name. */
  public static final String NAME = "root.erofs";

  Path file() {
    return directory.resolve(NAME);
  }

  /** The name of the empty file system that a machine's own disk lies above. */
  public static final String BLANK_DISK = "blank.img";
}
