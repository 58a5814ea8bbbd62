package dev.belljar.engine.storage;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;

/**
 * Belljar's directories on this host, all below one cache directory that only its owner can enter.
 *
 * @param cache {@code $BELLJAR_CACHE}, else {@code $XDG_CACHE_HOME/belljar}, else {@code
 *     ~/.cache/belljar}
 */
public record Directories(Path cache) {
  private static final int OWNER_ONLY = 0700;

  /** Those of this user. */
  public static Directories ofUser() {
    String own = System.getenv("BELLJAR_CACHE");
    if (own != null && !own.isBlank()) {
      return new Directories(Path.of(own).toAbsolutePath());
    }
    String xdg = System.getenv("XDG_CACHE_HOME");
    Path base =
        xdg != null && xdg.startsWith("/")
            ? Path.of(xdg)
            : Path.of(System.getProperty("user.home"), ".cache");
    return new Directories(base.resolve("belljar"));
  }

  /**
   * Where this user's volumes and snapshots are: below {@code $BELLJAR_DATA}, else {@code
   * $XDG_DATA_HOME/belljar}, else {@code ~/.local/share/belljar}.
   */
  public static Path storageOfUser() {
    String own = System.getenv("BELLJAR_DATA");
    String xdg = System.getenv("XDG_DATA_HOME");
    Path data;
    if (own != null && !own.isBlank()) {
      data = Path.of(own).toAbsolutePath();
    } else if (xdg != null && xdg.startsWith("/")) {
      data = Path.of(xdg, "belljar");
    } else {
      data = Path.of(System.getProperty("user.home"), ".local", "share", "belljar");
    }
    return data.resolve("storage");
  }

  /** Images, each in a directory named by the hash of its recipe. */
  public Path images() {
    return cache.resolve("images");
  }

  /** Templates, each in a directory named by the hash of what it was made from. */
  public Path templates() {
    return cache.resolve("templates");
  }

  /** The file systems that jails have as their root. */
  public Path jails() {
    return cache.resolve("jails");
  }

  /** What running sandboxes need; one directory for each process that runs some. */
  public Path run() {
    return cache.resolve("run");
  }

  /** Makes all of them, for the owner alone, and closes those that others could enter. */
  public void makeAll() throws IOException {
    for (Path directory : List.of(images(), templates(), jails(), run())) {
      make(directory);
    }
  }

  /** Makes a directory that only its owner can enter, and those above it. */
  public static void makeOwnerOnly(Path directory) throws IOException {
    Path parent = directory.getParent();
    if (parent != null) {
      Files.createDirectories(parent);
    }
    if (!Files.isDirectory(directory)) {
      Files.createDirectory(
          directory,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    }
    close(directory);
  }

  /** Makes a directory below the cache, and the cache itself, for the owner alone. */
  public Path make(Path directory) throws IOException {
    var ownerOnly =
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
    try {
      if (!Files.isDirectory(cache)) {
        Path parent = cache.getParent();
        if (parent != null) {
          Files.createDirectories(parent);
        }
        Files.createDirectories(cache, ownerOnly);
      }
      close(cache);
      Path made = Files.createDirectories(directory, ownerOnly);
      close(made);
      return made;
    } catch (FileSystemException e) {
      String reason = e.getReason() == null ? e.getClass().getSimpleName() : e.getReason();
      throw new IOException(
          "The cache directory %s cannot be used (%s: %s). Set BELLJAR_CACHE to a directory of your own."
              .formatted(cache, e.getFile(), reason),
          e);
    }
  }

  /** Also one that was there before, or that an older Belljar opened. */
  private static void close(Path directory) throws IOException {
    int owner = (Integer) Files.getAttribute(directory, "unix:uid");
    int we = (Integer) Files.getAttribute(Path.of("/proc/self"), "unix:uid");
    if (owner != we) {
      throw new FileSystemException(
          directory.toString(), null, "it belongs to user " + owner + ", and this is user " + we);
    }
    if (((Integer) Files.getAttribute(directory, "unix:mode") & 0777) != OWNER_ONLY) {
      Files.setAttribute(directory, "unix:mode", OWNER_ONLY);
    }
  }
}
