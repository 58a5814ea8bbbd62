package dev.belljar.engine.image;

import java.nio.file.Path;

/**
 * What a machine boots, complete and never changed.
 *
 * @param hash of the recipe, the agent and what came of them
 * @param directory holds {@code vmlinuz}, {@code initrd}, {@code root.erofs}, {@code blank.img},
 *     {@code agent} and {@code packages.txt}
 */
public record Image(String hash, Path directory) {

  /**
   * A runtime that the recipe pins.
   *
   * @param name what it is called in the guest
   * @param npmPackage the npm package that it comes in
   * @param sha512 of that package's archive, hexadecimal
   */
  public record PinnedRuntime(String name, String npmPackage, String version, String sha512) {}

  /** The agent, which is also a program of this host. */
  public Path agent() {
    return directory.resolve("agent");
  }

  /** The disk that a writable layer starts from. */
  public Path blankDisk() {
    return directory.resolve("blank.img");
  }
}
