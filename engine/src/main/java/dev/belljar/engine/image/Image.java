package dev.belljar.engine.image;

import java.nio.file.Path;

/**
 * What a machine boots, complete and never changed.
 *
 * @param hash of the recipe and the agent
 * @param directory holds {@code vmlinuz}, {@code initrd}, {@code root.erofs}, {@code blank.img},
 *     {@code agent} and {@code packages.txt}
 */
public record Image(String hash, Path directory) {

  /** The agent, which is also a program of this host. */
  public Path agent() {
    return directory.resolve("agent");
  }

  /** The disk that a writable layer starts from. */
  public Path blankDisk() {
    return directory.resolve("blank.img");
  }
}
