package dev.belljar.server;

import dev.belljar.DirEntry;
import dev.belljar.FileInfo;
import dev.belljar.FileSystemOperationException;
import dev.belljar.FileType;
import dev.belljar.FsFile;
import dev.belljar.OpenOptions;
import dev.belljar.SandboxFs;
import dev.belljar.WriteOptions;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;

/**
 * Flat files in memory, and three of another kind: {@code /zero} never ends, {@code /hang} never
 * answers, {@code /sink} swallows what is written and counts it.
 */
final class FakeFs implements SandboxFs {
  private final Map<String, byte[]> files = new ConcurrentHashMap<>();
  private final AtomicInteger open = new AtomicInteger();
  private final AtomicLong swallowed = new AtomicLong();
  private final AtomicInteger writers = new AtomicInteger();
  private volatile int mask = 022;

  int openFiles() {
    return open.get();
  }

  long swallowed() {
    return swallowed.get();
  }

  /** Writes that are under way. */
  int writers() {
    return writers.get();
  }

  private byte[] content(String path) {
    byte[] bytes = files.get(path);
    if (bytes == null) {
      throw FileSystemOperationException.of(2, "open '" + path + "'");
    }
    return bytes;
  }

  @Override
  public byte[] readFile(String path) {
    return content(path);
  }

  @Override
  public InputStream newInputStream(String path) {
    return switch (path) {
      case "/hang" -> {
        FakeSandbox.hang();
        throw new AssertionError();
      }
      case "/zero" ->
          new InputStream() {
            @Override
            public int read() {
              return 0;
            }

            @Override
            public int read(byte[] target, int offset, int length) {
              java.util.Arrays.fill(target, offset, offset + length, (byte) 0);
              return length;
            }
          };
      default -> new ByteArrayInputStream(content(path));
    };
  }

  @Override
  public void writeFile(String path, InputStream data, WriteOptions options) {
    writers.incrementAndGet();
    try {
      if (path.equals("/hang")) {
        FakeSandbox.hang();
      }
      if (path.equals("/sink")) {
        byte[] buffer = new byte[64 << 10];
        int length;
        while ((length = data.read(buffer)) >= 0) {
          swallowed.addAndGet(length);
        }
        return;
      }
      ByteArrayOutputStream all = new ByteArrayOutputStream();
      data.transferTo(all);
      files.put(path, all.toByteArray());
    } catch (IOException e) {
      throw new dev.belljar.BelljarException("The data broke off: " + e.getMessage(), e);
    } finally {
      writers.decrementAndGet();
    }
  }

  @Override
  public OutputStream newOutputStream(String path, WriteOptions options) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Stream<DirEntry> readDir(String path) {
    // Of what is written to no path at all, too.
    return files.keySet().stream()
        .map(name -> new DirEntry(name.substring(name.lastIndexOf('/') + 1), FileType.FILE));
  }

  @Override
  public void remove(String path, boolean recursive) {
    content(path);
    files.remove(path);
  }

  @Override
  public void mkdir(String path, boolean recursive, OptionalInt mode) {}

  @Override
  public void rename(String from, String to) {
    files.put(to, content(from));
    files.remove(from);
  }

  @Override
  public FileInfo stat(String path) {
    if (path.equals("/")) {
      return info(FileType.DIRECTORY, 0);
    }
    return info(FileType.FILE, path.equals("/zero") ? 0 : content(path).length);
  }

  private static FileInfo info(FileType type, long size) {
    Instant now = Instant.EPOCH;
    return new FileInfo(
        type, size, now, now, now, Optional.empty(), 1, 1, 0644, 1, 1000, 1000, 0, 4096, 1);
  }

  @Override
  public FileInfo lstat(String path) {
    return stat(path);
  }

  @Override
  public void chmod(String path, int mode) {
    content(path);
  }

  @Override
  public void chown(String path, OptionalInt uid, OptionalInt gid) {
    content(path);
  }

  @Override
  public void copyFile(String from, String to) {
    files.put(to, content(from));
  }

  @Override
  public void link(String target, String path) {
    files.put(path, content(target));
  }

  @Override
  public void symlink(String target, String path) {}

  @Override
  public String readLink(String path) {
    content(path);
    throw FileSystemOperationException.of(22, "readlink '" + path + "'");
  }

  @Override
  public String realPath(String path) {
    return path;
  }

  @Override
  public void truncate(String path, long size) {
    files.put(path, java.util.Arrays.copyOf(content(path), (int) size));
  }

  @Override
  public void utime(String path, Instant access, Instant modification) {
    content(path);
  }

  @Override
  public int umask() {
    return mask;
  }

  @Override
  public int umask(int wanted) {
    int before = mask;
    mask = wanted;
    return before;
  }

  @Override
  public String makeTempDir(String directory, String prefix, String suffix) {
    return directory + "/" + prefix + "x" + suffix;
  }

  @Override
  public String makeTempFile(String directory, String prefix, String suffix) {
    String path = makeTempDir(directory, prefix, suffix);
    files.put(path, new byte[0]);
    return path;
  }

  @Override
  public FsFile open(String path, OpenOptions options) {
    if (options.create() || options.createNew()) {
      files.putIfAbsent(path, new byte[0]);
    }
    content(path);
    open.incrementAndGet();
    return new FsFile() {
      private boolean closed;

      @Override
      public int read(byte[] buffer, int offset, int length) {
        return -1;
      }

      @Override
      public void write(byte[] buffer, int offset, int length) {}

      @Override
      public long seek(long offset, SeekMode from) {
        return offset;
      }

      @Override
      public FileInfo stat() {
        return info(FileType.FILE, 0);
      }

      @Override
      public void truncate(long size) {}

      @Override
      public void sync() {}

      @Override
      public void syncData() {}

      @Override
      public void utime(Instant access, Instant modification) {}

      @Override
      public void lock(boolean exclusive) {
        FakeSandbox.hang();
      }

      @Override
      public void unlock() {}

      @Override
      public InputStream readable() {
        return InputStream.nullInputStream();
      }

      @Override
      public OutputStream writable() {
        return OutputStream.nullOutputStream();
      }

      @Override
      public synchronized void close() {
        if (!closed) {
          closed = true;
          open.decrementAndGet();
        }
      }
    };
  }
}
