package dev.belljar.engine;

import dev.belljar.BelljarException;
import dev.belljar.DirEntry;
import dev.belljar.FileInfo;
import dev.belljar.FileSystemOperationException;
import dev.belljar.FileType;
import dev.belljar.FsFile;
import dev.belljar.InvalidOptionException;
import dev.belljar.OpenOptions;
import dev.belljar.SandboxFs;
import dev.belljar.WriteOptions;
import dev.belljar.engine.agent.AgentErrorException;
import dev.belljar.engine.agent.AgentFiles;
import dev.belljar.engine.agent.AgentFiles.OpenMode;
import dev.belljar.engine.agent.AgentFiles.Stat;
import dev.belljar.engine.agent.StreamResetException;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Spliterator;
import java.util.Spliterators.AbstractSpliterator;
import java.util.function.Consumer;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/** The files of a machine of this host, as its user {@code app}. */
final class LocalFs implements SandboxFs {
  /** {@code app} in the image. */
  private static final int APP = 1000;

  private static final int ENOENT = 2;
  private static final int CHUNK = 64 << 10;
  private static final int NAME_MAX = 255;
  private static final int DEFAULT_FILE_MODE = 0666;
  private static final int DEFAULT_DIRECTORY_MODE = 0777;

  private final LocalSandbox sandbox;
  private final AgentFiles files;
  private final String workingDirectory;
  private volatile int umask = 022;

  LocalFs(LocalSandbox sandbox, AgentFiles files, String workingDirectory) {
    this.sandbox = sandbox;
    this.files = files;
    this.workingDirectory = workingDirectory;
  }

  @Override
  public byte[] readFile(String path) {
    try (InputStream in = newInputStream(path)) {
      return in.readAllBytes();
    } catch (IOException e) {
      throw failed(e, "read '" + path + "'");
    } catch (OutOfMemoryError e) {
      throw new BelljarException(
          "'" + path + "' does not fit into this program's memory; read it with newInputStream.",
          e);
    }
  }

  @Override
  public InputStream newInputStream(String path) {
    String absolute = absolute(path);
    return sandbox.asked(() -> files.read(APP, absolute));
  }

  @Override
  public void writeFile(String path, InputStream data, WriteOptions options) {
    String absolute = absolute(path);
    byte[] buffer = new byte[CHUNK];
    sandbox.asked(
        () -> {
          try (AgentFiles.Writing writing = startWriting(absolute, options)) {
            int length;
            while ((length = readFrom(data, buffer)) >= 0) {
              writing.write(buffer, 0, length);
            }
            writing.finish();
            return path;
          }
        });
  }

  @Override
  public OutputStream newOutputStream(String path, WriteOptions options) {
    String absolute = absolute(path);
    AgentFiles.Writing writing = sandbox.asked(() -> startWriting(absolute, options));
    return new OutputStream() {
      private boolean closed;

      @Override
      public void write(int b) {
        write(new byte[] {(byte) b}, 0, 1);
      }

      @Override
      public void write(byte[] bytes, int offset, int length) {
        sandbox.asked(
            () -> {
              writing.write(bytes, offset, length);
              return length;
            });
      }

      @Override
      public void close() {
        if (!closed) {
          closed = true;
          sandbox.asked(
              () -> {
                writing.finish();
                return path;
              });
        }
      }
    };
  }

  @Override
  public Stream<DirEntry> readDir(String path) {
    String absolute = absolute(path);
    DataInputStream in =
        new DataInputStream(
            new BufferedInputStream(
                sandbox.asked(() -> files.readDirectory(APP, absolute)), CHUNK));
    var entries =
        new AbstractSpliterator<DirEntry>(Long.MAX_VALUE, Spliterator.NONNULL) {
          @Override
          public boolean tryAdvance(Consumer<? super DirEntry> action) {
            try {
              int type = in.read();
              if (type < 0) {
                return false;
              }
              byte[] name = new byte[in.readUnsignedShort()];
              if (name.length == 0 || name.length > NAME_MAX) {
                throw new EOFException("a name of " + name.length + " bytes");
              }
              in.readFully(name);
              action.accept(
                  new DirEntry(new String(name, StandardCharsets.UTF_8), typeOfEntry(type)));
              return true;
            } catch (IOException e) {
              throw failed(e, "readdir '" + path + "'");
            }
          }
        };
    return StreamSupport.stream(entries, false)
        .onClose(
            () -> {
              try {
                in.close();
              } catch (IOException e) {
                // The guest is told that no more is wanted; if it is gone, no more comes.
              }
            });
  }

  @Override
  public void remove(String path, boolean recursive) {
    String absolute = absolute(path);
    does(() -> files.remove(APP, absolute, recursive));
  }

  @Override
  public void mkdir(String path, boolean recursive, OptionalInt mode) {
    String absolute = absolute(path);
    mode.ifPresent(LocalFs::checkMode);
    does(
        () ->
            files.makeDirectory(
                APP, absolute, mode.orElse(DEFAULT_DIRECTORY_MODE), umask, recursive));
  }

  @Override
  public void rename(String from, String to) {
    String source = absolute(from);
    String target = absolute(to);
    does(() -> files.rename(APP, source, target));
  }

  @Override
  public FileInfo stat(String path) {
    String absolute = absolute(path);
    return info(sandbox.asked(() -> files.stat(APP, absolute, true)));
  }

  @Override
  public FileInfo lstat(String path) {
    String absolute = absolute(path);
    return info(sandbox.asked(() -> files.stat(APP, absolute, false)));
  }

  @Override
  public void chmod(String path, int mode) {
    String absolute = absolute(path);
    checkMode(mode);
    does(() -> files.changeMode(APP, absolute, mode));
  }

  @Override
  public void chown(String path, OptionalInt uid, OptionalInt gid) {
    String absolute = absolute(path);
    does(() -> files.changeOwner(APP, absolute, uid, gid));
  }

  @Override
  public void copyFile(String from, String to) {
    String source = absolute(from);
    String target = absolute(to);
    does(() -> files.copy(APP, source, target, umask));
  }

  @Override
  public void link(String target, String path) {
    String existing = absolute(target);
    String absolute = absolute(path);
    does(() -> files.link(APP, existing, absolute));
  }

  @Override
  public void symlink(String target, String path) {
    checkPath(target);
    String absolute = absolute(path);
    does(() -> files.symbolicLink(APP, target, absolute));
  }

  @Override
  public String readLink(String path) {
    String absolute = absolute(path);
    return sandbox.asked(() -> files.readLink(APP, absolute));
  }

  @Override
  public String realPath(String path) {
    String absolute = absolute(path);
    return sandbox.asked(() -> files.realPath(APP, absolute));
  }

  @Override
  public void truncate(String path, long size) {
    checkSize(size);
    String absolute = absolute(path);
    does(() -> files.truncate(APP, absolute, size));
  }

  @Override
  public void utime(String path, Instant access, Instant modification) {
    String absolute = absolute(path);
    long[] times = {nanos(access), nanos(modification)};
    does(() -> files.setTimes(APP, absolute, times[0], times[1]));
  }

  @Override
  public int umask() {
    return umask;
  }

  @Override
  public synchronized int umask(int mask) {
    if (mask < 0 || mask > 0777) {
      throw new InvalidOptionException(
          "A umask is 0 to 0777 (octal), not " + Integer.toOctalString(mask) + ".");
    }
    int old = umask;
    umask = mask;
    return old;
  }

  @Override
  public String makeTempDir(String directory, String prefix, String suffix) {
    return makeTemporary(directory, prefix, suffix, true);
  }

  @Override
  public String makeTempFile(String directory, String prefix, String suffix) {
    return makeTemporary(directory, prefix, suffix, false);
  }

  @Override
  public FsFile open(String path, OpenOptions options) {
    String absolute = absolute(path);
    OpenMode how =
        new OpenMode(
            options.read(),
            options.write() || options.append(),
            options.create(),
            options.createNew(),
            options.append(),
            options.truncate());
    int handle =
        sandbox.asked(
            () -> files.open(APP, absolute, how, options.mode().orElse(DEFAULT_FILE_MODE), umask));
    return new LocalFsFile(sandbox, files, APP, handle);
  }

  /** The path from the root; a relative one begins at the working directory. */
  String absolute(String path) {
    checkPath(path);
    if (path.startsWith("/")) {
      return path;
    }
    return path.equals(".") ? workingDirectory : workingDirectory + "/" + path;
  }

  static FileInfo info(Stat stat) {
    return new FileInfo(
        typeOfMode(stat.mode()),
        stat.size(),
        instant(stat.mtime()),
        instant(stat.atime()),
        instant(stat.ctime()),
        stat.birthtime() == Long.MIN_VALUE
            ? Optional.empty()
            : Optional.of(instant(stat.birthtime())),
        stat.dev(),
        stat.ino(),
        stat.mode(),
        stat.nlink(),
        stat.uid(),
        stat.gid(),
        stat.rdev(),
        stat.blockSize(),
        stat.blocks());
  }

  static long nanos(Instant time) {
    try {
      return Math.addExact(
          Math.multiplyExact(time.getEpochSecond(), 1_000_000_000L), time.getNano());
    } catch (ArithmeticException e) {
      throw new InvalidOptionException("The time " + time + " is out of bounds.", e);
    }
  }

  static void checkSize(long size) {
    if (size < 0) {
      throw new InvalidOptionException("A size cannot be negative: " + size);
    }
  }

  private static void checkMode(int mode) {
    if (mode < 0 || mode > 07777) {
      throw new InvalidOptionException(
          "Permission bits are 0 to 07777 (octal), not " + Integer.toOctalString(mode) + ".");
    }
  }

  private AgentFiles.Writing startWriting(String path, WriteOptions options) throws IOException {
    return files.write(
        APP,
        path,
        options.append(),
        options.create(),
        options.createNew(),
        options.mode().orElse(DEFAULT_FILE_MODE),
        umask);
  }

  private String makeTemporary(
      String directory, String prefix, String suffix, boolean isDirectory) {
    String absolute = absolute(directory);
    if ((prefix + suffix).indexOf('/') >= 0 || (prefix + suffix).indexOf('\0') >= 0) {
      throw new InvalidOptionException("A prefix or suffix cannot hold '/' or NUL.");
    }
    return sandbox.asked(
        () -> files.makeTemporary(APP, absolute, prefix, suffix, isDirectory, umask));
  }

  private void does(Action action) {
    sandbox.asked(
        () -> {
          action.run();
          return action;
        });
  }

  private BelljarException failed(IOException failure, String operation) {
    return failure instanceof StreamResetException reset && reset.errno() != 0
        ? FileSystemOperationException.of(reset.errno(), operation)
        : sandbox.failure(failure);
  }

  private static int readFrom(InputStream data, byte[] buffer) {
    try {
      return data.read(buffer, 0, buffer.length);
    } catch (IOException e) {
      throw Interruption.causes(e)
          ? new BelljarException("Interrupted while reading the data to write.", e)
          : new BelljarException("The data to write could not be read: " + e.getMessage(), e);
    }
  }

  private static void checkPath(String path) {
    if (path.isEmpty()) {
      // As the kernel has it (path_resolution(7)); made absolute, it would name the directory.
      throw FileSystemOperationException.of(ENOENT, "''");
    }
    if (path.indexOf('\0') >= 0) {
      throw new InvalidOptionException("A path cannot hold NUL: '" + path.replace('\0', '?') + "'");
    }
  }

  private static Instant instant(long nanos) {
    return Instant.ofEpochSecond(
        Math.floorDiv(nanos, 1_000_000_000L), Math.floorMod(nanos, 1_000_000_000L));
  }

  /** {@code S_IFMT} of {@code stat(2)}. */
  private static FileType typeOfMode(int mode) {
    return switch (mode >> 12 & 017) {
      case 001 -> FileType.FIFO;
      case 002 -> FileType.CHARACTER_DEVICE;
      case 004 -> FileType.DIRECTORY;
      case 006 -> FileType.BLOCK_DEVICE;
      case 010 -> FileType.FILE;
      case 012 -> FileType.SYMLINK;
      case 014 -> FileType.SOCKET;
      default -> FileType.OTHER;
    };
  }

  /** {@code DT_…} of {@code readdir(3)}, which is the same number. */
  private static FileType typeOfEntry(int type) {
    return typeOfMode(type << 12);
  }

  private interface Action {
    void run() throws IOException, AgentErrorException;
  }
}
