package dev.belljar.engine.storage;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributeView;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;

/** A directory of ours with everything in it. */
public final class FileTree {
  /** Levels of directories that are open at once. */
  private static final int DEEPEST = 32;

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

  /**
   * Opens a directory for good: what is done in it is done there, whatever takes its place.
   *
   * @throws IOException where it cannot be opened
   */
  @SuppressWarnings("StreamResourceLeak") // whoever opens it closes it
  public static SecureDirectoryStream<Path> open(Path directory) throws IOException {
    DirectoryStream<Path> stream = Files.newDirectoryStream(directory);
    if (stream instanceof SecureDirectoryStream<Path> secure) {
      return secure;
    }
    stream.close();
    throw new IOException("this system cannot open directories for good");
  }

  /**
   * Removes it, if it is there. Whoever may write in it may put links anywhere meanwhile, and nest
   * directories as deep as it likes: it is walked by descriptors that follow no link.
   */
  public static void delete(Path root) throws IOException {
    Path absolute = root.toAbsolutePath();
    Path above = Optional.ofNullable(absolute.getParent()).orElseThrow();
    Path name = absolute.getFileName();
    try (SecureDirectoryStream<Path> parent = open(above)) {
      if (!isDirectory(parent, name)) {
        parent.deleteFile(name);
        return;
      }
      boolean deeper = true;
      while (deeper) {
        try (SecureDirectoryStream<Path> top =
            parent.newDirectoryStream(name, LinkOption.NOFOLLOW_LINKS)) {
          deeper = empty(top, top, DEEPEST);
        }
      }
      parent.deleteDirectory(name);
    } catch (NoSuchFileException e) {
      // It is gone, which is what was wanted.
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
  }

  /**
   * Removes what is in a directory.
   *
   * @param levels how many levels are removed here; what is below them is moved to the top
   * @return whether something was moved
   */
  private static boolean empty(
      SecureDirectoryStream<Path> directory, SecureDirectoryStream<Path> top, int levels)
      throws IOException {
    boolean moved = false;
    for (Path entry : directory) {
      try {
        moved |= remove(directory, entry.getFileName(), top, levels);
      } catch (NoSuchFileException e) {
        // Somebody else removed it.
      }
    }
    return moved;
  }

  private static boolean remove(
      SecureDirectoryStream<Path> directory, Path name, SecureDirectoryStream<Path> top, int levels)
      throws IOException {
    if (!isDirectory(directory, name)) {
      directory.deleteFile(name);
      return false;
    }
    if (levels == 0) {
      directory.move(name, top, Path.of("deep-" + UUID.randomUUID()));
      return true;
    }
    boolean moved;
    try (SecureDirectoryStream<Path> below =
        directory.newDirectoryStream(name, LinkOption.NOFOLLOW_LINKS)) {
      moved = empty(below, top, levels - 1);
    }
    directory.deleteDirectory(name);
    return moved;
  }

  private static boolean isDirectory(SecureDirectoryStream<Path> directory, Path name)
      throws IOException {
    return directory
        .getFileAttributeView(name, BasicFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
        .readAttributes()
        .isDirectory();
  }
}
