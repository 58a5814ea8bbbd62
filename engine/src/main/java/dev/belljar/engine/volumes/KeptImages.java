package dev.belljar.engine.volumes;

import dev.belljar.engine.storage.FileTree;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Set;

/** Images that something lies above, kept as they are: the host may build others. */
final class KeptImages {
  private final Path directory;

  KeptImages(Path directory) {
    this.directory = directory;
  }

  Path directoryOf(String hash) {
    return directory.resolve(hash);
  }

  /** Bytes of its root; 0 where it is missing. */
  long size(String hash) throws IOException {
    Path root = directoryOf(hash).resolve(BootImage.NAME);
    return Files.exists(root) ? Files.size(root) : 0;
  }

  /**
   * Keeps an image; returns when the disk has it. Copies it where it is on another disk. Without
   * the store's lock: a lease keeps the image and what is being made.
   *
   * @param making a file that the lease keeps, for what is not whole yet
   */
  void keep(BootImage image, Path making) throws IOException {
    keep(image.hash(), image.file(), making);
  }

  /** As above, with all that a machine that has booted needs of it. */
  void keepForMachines(BootImage image, Path making) throws IOException {
    keep(image, making);
    Path blank = image.directory().resolve(BootImage.BLANK_DISK);
    keep(image.hash(), blank, BootImage.BLANK_DISK, making);
  }

  /** As {@link #keep(BootImage, Path)}, of a root that is somewhere else. */
  void keep(String hash, Path file, Path making) throws IOException {
    keep(hash, file, BootImage.NAME, making);
  }

  private void keep(String hash, Path file, String name, Path making) throws IOException {
    Path kept = directoryOf(hash);
    Path there = kept.resolve(name);
    if (Files.exists(there)) {
      return;
    }
    Files.deleteIfExists(making);
    try {
      Files.createLink(making, file);
    } catch (IOException | UnsupportedOperationException e) {
      // On another disk, or one without links.
      DiskTools.copySparse(file, making);
      try (FileChannel channel = FileChannel.open(making, StandardOpenOption.WRITE)) {
        channel.force(true);
      }
    }
    FaultPoint.IMAGE_MADE.reached();
    Files.createDirectories(kept);
    Files.move(making, there, StandardCopyOption.ATOMIC_MOVE);
    // Two names of one file are both left where somebody else was faster (rename(2)).
    Files.deleteIfExists(making);
    CatalogFile.force(kept);
    FaultPoint.IMAGE_KEPT.reached();
  }

  /** Removes the others. */
  void keepOnly(Set<String> hashes) throws IOException {
    if (!Files.isDirectory(directory)) {
      return;
    }
    try (DirectoryStream<Path> all = Files.newDirectoryStream(directory)) {
      for (Path image : all) {
        if (!hashes.contains(String.valueOf(image.getFileName()))) {
          FileTree.delete(image);
        }
      }
    }
  }
}
