package dev.belljar.engine.storage;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A directory of ours with everything in it. */
public final class FileTree {
  private FileTree() {}

  /** Lets everyone read it, whatever the umask was: a jailed QEMU is somebody else. */
  public static void makeReadable(Path root) throws IOException {
    try (Stream<Path> all = Files.walk(root)) {
      for (Path file : (Iterable<Path>) all::iterator) {
        if (!Files.isSymbolicLink(file)) {
          int mode = (Integer) Files.getAttribute(file, "unix:mode");
          boolean enter = Files.isDirectory(file) || (mode & 0100) != 0;
          Files.setAttribute(file, "unix:mode", (mode | (enter ? 0555 : 0444)) & 07777);
        }
      }
    }
  }

  /**
   * Has the disk hold what is in it. To be done before it is moved to the place where it is taken
   * for complete: a file system may keep a move through a power cut and forget what was written.
   */
  public static void force(Path root) throws IOException {
    try (Stream<Path> all = Files.walk(root)) {
      for (Path file : (Iterable<Path>) all::iterator) {
        if (Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)
            || Files.isDirectory(file, LinkOption.NOFOLLOW_LINKS)) {
          try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            channel.force(true);
          }
        }
      }
    }
  }

  /** Removes it, if it is there; symbolic links are removed, not followed. */
  public static void delete(Path root) throws IOException {
    try {
      Files.walkFileTree(
          root,
          new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
                throws IOException {
              Files.deleteIfExists(file);
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException failure)
                throws IOException {
              if (failure != null) {
                throw failure;
              }
              Files.deleteIfExists(directory);
              return FileVisitResult.CONTINUE;
            }
          });
    } catch (NoSuchFileException e) {
      // It is gone, which is what was wanted.
    }
  }
}
