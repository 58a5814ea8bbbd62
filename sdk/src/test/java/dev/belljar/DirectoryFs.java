package dev.belljar;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;

/** A sandbox's files in a directory of this host: as much of them as {@link FileTrees} asks for. */
class DirectoryFs implements SandboxFs {
  private final Path root;

  DirectoryFs(Path root) {
    this.root = root;
  }

  /** Where a path of the sandbox is on this host. */
  Path host(String path) {
    return path.startsWith("/") ? root.resolve(path.substring(1)) : root.resolve(path);
  }

  @Override
  public InputStream newInputStream(String path) {
    return done(() -> Files.newInputStream(host(path)));
  }

  @Override
  public void writeFile(String path, InputStream data, WriteOptions options) {
    done(() -> Files.copy(data, host(path), StandardCopyOption.REPLACE_EXISTING));
  }

  @Override
  public Stream<DirEntry> readDir(String path) {
    return done(
        () -> {
          try (Stream<Path> entries = Files.list(host(path))) {
            return entries
                .map(entry -> new DirEntry(String.valueOf(entry.getFileName()), type(entry)))
                .toList()
                .stream();
          }
        });
  }

  @Override
  public void mkdir(String path, boolean recursive, OptionalInt mode) {
    done(() -> recursive ? Files.createDirectories(host(path)) : Files.createDirectory(host(path)));
  }

  @Override
  public FileInfo stat(String path) {
    return done(() -> info(host(path).toRealPath()));
  }

  @Override
  public FileInfo lstat(String path) {
    return done(() -> info(host(path)));
  }

  @Override
  public String realPath(String path) {
    return done(() -> "/" + root.toRealPath().relativize(host(path).toRealPath()));
  }

  @Override
  public void chmod(String path, int mode) {
    done(() -> Files.setAttribute(host(path), "unix:mode", mode));
  }

  @Override
  public void symlink(String target, String path) {
    done(() -> Files.createSymbolicLink(host(path), Path.of(target)));
  }

  static FileInfo infoOf(FileType type, int mode) {
    Instant then = Instant.EPOCH;
    return new FileInfo(
        type, 0, then, then, then, Optional.empty(), 0, 0, mode, 1, 0, 0, 0, 4096, 0);
  }

  private static FileInfo info(Path file) throws IOException {
    int mode = (Integer) Files.getAttribute(file, "unix:mode", LinkOption.NOFOLLOW_LINKS);
    return infoOf(type(file), mode);
  }

  private static FileType type(Path file) {
    if (Files.isSymbolicLink(file)) {
      return FileType.SYMLINK;
    }
    return Files.isDirectory(file) ? FileType.DIRECTORY : FileType.FILE;
  }

  private interface Action<T> {
    T run() throws IOException;
  }

  private static <T> T done(Action<T> action) {
    try {
      return action.run();
    } catch (java.nio.file.NoSuchFileException e) {
      throw FileSystemOperationException.of(2, String.valueOf(e.getMessage()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  // What a tree is not copied or walked with.

  @Override
  public byte[] readFile(String path) {
    throw new UnsupportedOperationException();
  }

  @Override
  public OutputStream newOutputStream(String path, WriteOptions options) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void remove(String path, boolean recursive) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void rename(String from, String to) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void chown(String path, OptionalInt uid, OptionalInt gid) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void copyFile(String from, String to) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void link(String target, String path) {
    throw new UnsupportedOperationException();
  }

  @Override
  public String readLink(String path) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void truncate(String path, long size) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void utime(String path, Instant access, Instant modification) {
    throw new UnsupportedOperationException();
  }

  @Override
  public int umask() {
    throw new UnsupportedOperationException();
  }

  @Override
  public int umask(int mask) {
    throw new UnsupportedOperationException();
  }

  @Override
  public String makeTempDir(String directory, String prefix, String suffix) {
    throw new UnsupportedOperationException();
  }

  @Override
  public String makeTempFile(String directory, String prefix, String suffix) {
    throw new UnsupportedOperationException();
  }

  @Override
  public FsFile open(String path, OpenOptions options) {
    throw new UnsupportedOperationException();
  }
}
