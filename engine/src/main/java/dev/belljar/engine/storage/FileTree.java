package dev.belljar.engine.storage;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
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
