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

  /** Returns when the disk has it. */
  void keep(BootImage image) throws IOException {
    keep(image.hash(), image.file());
  }

  /** As above, with all that a machine that has booted needs of it. */
  void keepForMachines(BootImage image) throws IOException {
    keep(image);
    keep(image.hash(), image.directory().resolve(BootImage.BLANK_DISK), BootImage.BLANK_DISK);
  }

  /** As {@link #keep(BootImage)}, of a root that is somewhere else. */
  void keep(String hash, Path file) throws IOException {
    keep(hash, file, BootImage.NAME);
  }

  private void keep(String hash, Path file, String name) throws IOException {
    Path kept = directoryOf(hash);
    Path root = kept.resolve(name);
    if (Files.exists(root)) {
      return;
    }
    Files.createDirectories(kept);
    Path making = kept.resolve(name + ".new");
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
    Files.move(making, root, StandardCopyOption.ATOMIC_MOVE);
    CatalogFile.force(kept);
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
