package dev.belljar.engine.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * What a machine boots, complete and never changed.
 *
 * @param hash of the recipe and the agent
 * @param directory holds {@code vmlinuz}, {@code initrd}, {@code root.erofs}, {@code blank.img},
 *     {@code agent} and {@code packages.txt}
 */
public record Image(String hash, Path directory) {
  private static final String ROOT = "root.erofs";

  /**
   * A runtime that the recipe pins.
   *
   * @param name what it is called in the guest
   * @param npmPackage the npm package that it comes in
   * @param sha512 of that package's archive, hexadecimal
   */
  public record PinnedRuntime(String name, String npmPackage, String version, String sha512) {}

  /**
   * Tells it from another build of the same recipe, whose packages may be others: what a running
   * machine knows of one it must not be shown of another.
   *
   * @throws IOException where it is gone; the message says what brings it back
   */
  public String build() throws IOException {
    try {
      Path root = directory.resolve(ROOT);
      return Long.toString(Files.getLastModifiedTime(root).toMillis(), Character.MAX_RADIX)
          + Long.toString(Files.size(root), Character.MAX_RADIX);
    } catch (NoSuchFileException e) {
      throw new IOException(
          "The image is gone from " + directory + ": 'belljar setup' builds it again.", e);
    }
  }

  /** The agent, which is also a program of this host. */
  public Path agent() {
    return directory.resolve("agent");
  }

  /** The disk that a writable layer starts from. */
  public Path blankDisk() {
    return directory.resolve("blank.img");
  }
}
