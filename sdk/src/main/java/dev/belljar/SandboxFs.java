package dev.belljar;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.OptionalInt;
import java.util.stream.Stream;

/**
 * The files of a sandbox, as its user {@code app} sees them. Relative paths begin at the sandbox's
 * working directory. Every method blocks; each throws {@link FileSystemOperationException} (a
 * subclass where there is one) when the guest's kernel refuses, {@link InvalidOptionException} for
 * a path that is empty or holds NUL, and {@link SandboxClosedException} when the sandbox has ended.
 */
public interface SandboxFs {

  /** The bytes of a file, at most 2 GiB; see {@link #newInputStream} for larger ones. */
  byte[] readFile(String path);

  /** The text of a file, UTF-8; malformed bytes become U+FFFD. */
  default String readTextFile(String path) {
    return new String(readFile(path), StandardCharsets.UTF_8);
  }

  /** A file as a stream, in constant memory. Close it. */
  InputStream newInputStream(String path);

  /** Makes or replaces a file. */
  default void writeFile(String path, byte[] data) {
    writeFile(path, data, WriteOptions.DEFAULT);
  }

  /** Writes a file; returns when the guest has it. */
  default void writeFile(String path, byte[] data, WriteOptions options) {
    writeFile(path, new java.io.ByteArrayInputStream(data), options);
  }

  /**
   * Writes a file from a stream, in constant memory; does not close the stream.
   *
   * @throws BelljarException where reading the stream fails
   */
  void writeFile(String path, InputStream data, WriteOptions options);

  /** Makes or replaces a file with text, as UTF-8. */
  default void writeTextFile(String path, String text) {
    writeFile(path, text.getBytes(StandardCharsets.UTF_8));
  }

  /** Writes a file with text, as UTF-8. */
  default void writeTextFile(String path, String text, WriteOptions options) {
    writeFile(path, text.getBytes(StandardCharsets.UTF_8), options);
  }

  /**
   * A stream that writes a file. Its {@code close} returns when the guest has all of it, or throws.
   */
  OutputStream newOutputStream(String path, WriteOptions options);

  /** The entries of a directory, in no order, in constant memory. Close the stream. */
  Stream<DirEntry> readDir(String path);

  /** Removes a file or an empty directory. */
  default void remove(String path) {
    remove(path, false);
  }

  /**
   * Removes a file or directory, with everything in it if so asked. Symbolic links are removed,
   * never followed.
   */
  void remove(String path, boolean recursive);

  /** Makes a directory. */
  default void mkdir(String path) {
    mkdir(path, false, OptionalInt.empty());
  }

  /** Makes a directory and those above it; fine where it is there. */
  default void mkdirs(String path) {
    mkdir(path, true, OptionalInt.empty());
  }

  /**
   * Makes a directory with those permission bits, 0 to {@code 07777} (default {@code 0777}), less
   * the umask.
   */
  void mkdir(String path, boolean recursive, OptionalInt mode);

  /** Renames or moves within the file system; replaces a file of the new name. */
  void rename(String from, String to);

  /** What is said of a file, links followed. */
  FileInfo stat(String path);

  /** What is said of a file or link itself. */
  FileInfo lstat(String path);

  /** Whether something is there, links followed. */
  default boolean exists(String path) {
    try {
      stat(path);
      return true;
    } catch (NotFoundException e) {
      return false;
    }
  }

  /** Sets the permission bits, 0 to {@code 07777}. */
  void chmod(String path, int mode);

  /**
   * Sets owner and group; an empty one is left. The sandbox's user may only give its own files to
   * its own groups.
   */
  void chown(String path, OptionalInt uid, OptionalInt gid);

  /** Copies a regular file within the sandbox, with its permission bits. */
  void copyFile(String from, String to);

  /** Makes a hard link {@code path} to {@code target}. */
  void link(String target, String path);

  /** Makes a symbolic link {@code path} that says {@code target}. */
  void symlink(String target, String path);

  /** What a symbolic link says. */
  String readLink(String path);

  /** The absolute path with all links resolved. */
  String realPath(String path);

  /** Makes a file that long. */
  void truncate(String path, long size);

  /** Sets the times. */
  void utime(String path, Instant access, Instant modification);

  /** The umask of this sandbox: 022 unless changed. */
  int umask();

  /**
   * Sets the umask, 0 to {@code 0777}, for files made and processes started from now on; gives the
   * old one.
   */
  int umask(int mask);

  /** Makes an empty directory of a new name in {@code /tmp}. */
  default String makeTempDir() {
    return makeTempDir("/tmp", "", "");
  }

  /** Makes an empty directory of a new name, only for its owner. */
  String makeTempDir(String directory, String prefix, String suffix);

  /** Makes an empty file of a new name in {@code /tmp}. */
  default String makeTempFile() {
    return makeTempFile("/tmp", "", "");
  }

  /** Makes an empty file of a new name, only for its owner. */
  String makeTempFile(String directory, String prefix, String suffix);

  /** Opens a file. */
  FsFile open(String path, OpenOptions options);

  /** Makes a file anew, or empties it, and opens it for reading and writing. */
  default FsFile create(String path) {
    return open(path, OpenOptions.CREATE);
  }

  /**
   * Everything below a directory, itself first, parents before children, links not followed. Paths
   * begin with that of the directory, without {@code .}, {@code ..} and empty names. Close the
   * stream.
   */
  default Stream<WalkEntry> walk(String root) {
    return walk(root, WalkOptions.ALL);
  }

  /**
   * As {@link #walk(String)}, with a choice. Where links are followed and one leads to what is not
   * there, the stream throws {@link NotFoundException}.
   */
  default Stream<WalkEntry> walk(String root, WalkOptions options) {
    return FileTrees.walk(this, root, options);
  }

  /**
   * What a glob matches, in order of path: {@code *} and {@code ?} within a name, {@code [abc]},
   * {@code {a,b}}, and {@code **} for any number of directories; a {@code [} that is not closed
   * stands for itself. {@code .} and {@code ..} in it are names as the text has them, and a slash
   * at its end is for directories only. Close the stream.
   */
  default Stream<WalkEntry> expandGlob(String glob) {
    return expandGlob(glob, GlobOptions.DEFAULT);
  }

  /**
   * As above, with options.
   *
   * @throws InvalidOptionException where the glob cannot be read, as <code>{a</code>
   */
  default Stream<WalkEntry> expandGlob(String glob, GlobOptions options) {
    return FileTrees.expandGlob(this, glob, options);
  }

  /**
   * Copies a file or a directory tree of this host into the sandbox, with permission bits; symbolic
   * links are copied as links. An existing directory is filled, files in it are replaced.
   *
   * @throws IOException where reading on this host fails, or a name is not UTF-8
   */
  default void upload(Path local, String path) throws IOException {
    FileTrees.upload(this, local, path);
  }

  /**
   * Copies a file or a directory tree of the sandbox to this host. Only regular files and
   * directories are copied, symbolic links and all else are left out: what the sandbox says can
   * never lead outside {@code local}. Left out, too, is what has a name that is not UTF-8 or that
   * this host cannot have, and what goes away meanwhile. What is made here gets the permission bits
   * that it has there, as far as this program's umask has them, and never set-user-id, set-group-id
   * or sticky; directories can always be entered and written by their owner. A file that is
   * replaced keeps its bits, and may be executed by whom it may there, if they may read it.
   *
   * @throws IOException where writing on this host fails
   */
  default void download(String path, Path local) throws IOException {
    FileTrees.download(this, path, local);
  }
}
