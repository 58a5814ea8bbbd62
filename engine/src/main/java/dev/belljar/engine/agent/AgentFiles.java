package dev.belljar.engine.agent;

import dev.belljar.engine.agent.AgentConnection.Call;
import java.io.IOException;
import java.io.InputStream;
import java.util.OptionalInt;

/** The files of a guest (docs/agent-protocol.md, "Files"). Paths are absolute; uid says as whom. */
public final class AgentFiles {
  private static final int LARGEST_PATH = 4096;

  /** Bytes that one call moves at most. */
  public static final int CHUNK = 64 << 10;

  /**
   * What the kernel's {@code statx} says; times in nanoseconds, {@link Long#MIN_VALUE} where there
   * is none.
   */
  public record Stat(
      long dev,
      long ino,
      int mode,
      long nlink,
      int uid,
      int gid,
      long rdev,
      long size,
      int blockSize,
      long blocks,
      long atime,
      long mtime,
      long ctime,
      long birthtime) {}

  /** How a file is opened. */
  public record OpenMode(
      boolean read,
      boolean write,
      boolean create,
      boolean createNew,
      boolean append,
      boolean truncate) {
    int flags() {
      return (read ? 1 : 0)
          | (write ? 2 : 0)
          | (create ? 4 : 0)
          | (createNew ? 8 : 0)
          | (append ? 16 : 0)
          | (truncate ? 32 : 0);
    }
  }

  private final Agent agent;

  AgentFiles(Agent agent) {
    this.agent = agent;
  }

  /** What is said of a file. */
  public Stat stat(int uid, String path, boolean follow) throws IOException, AgentErrorException {
    return stat(
        agent.call(
            Operation.STAT,
            body(uid).str(path).bool(follow),
            (follow ? "stat '" : "lstat '") + path + "'"));
  }

  /**
   * The entries of a directory: {@code u8} type, {@code u16} length, name, until the end. Close the
   * stream.
   */
  public InputStream readDirectory(int uid, String path) throws IOException, AgentErrorException {
    AgentStream stream = agent.connection().newStream(false, true);
    try {
      agent.call(
          Operation.READ_DIR, body(uid).str(path).u32(stream.id()), "readdir '" + path + "'");
    } catch (IOException | AgentErrorException e) {
      agent.connection().forget(stream);
      throw e;
    }
    return stream.input();
  }

  /** Makes a directory. */
  public void makeDirectory(int uid, String path, int mode, int umask, boolean recursive)
      throws IOException, AgentErrorException {
    agent.call(
        Operation.MAKE_DIR,
        body(uid).str(path).u32(mode).u32(umask).bool(recursive),
        "mkdir '" + path + "'");
  }

  /** Removes a file or directory. */
  public void remove(int uid, String path, boolean recursive)
      throws IOException, AgentErrorException {
    agent.call(Operation.REMOVE, body(uid).str(path).bool(recursive), "remove '" + path + "'");
  }

  /** Renames. */
  public void rename(int uid, String from, String to) throws IOException, AgentErrorException {
    agent.call(
        Operation.RENAME, body(uid).str(from).str(to), "rename '" + from + "' -> '" + to + "'");
  }

  /** Sets permission bits. */
  public void changeMode(int uid, String path, int mode) throws IOException, AgentErrorException {
    agent.call(Operation.CHMOD, body(uid).str(path).u32(mode), "chmod '" + path + "'");
  }

  /** Sets owner and group. */
  public void changeOwner(int uid, String path, OptionalInt owner, OptionalInt group)
      throws IOException, AgentErrorException {
    agent.call(
        Operation.CHOWN,
        body(uid).str(path).u32(owner.orElse(-1)).u32(group.orElse(-1)).bool(true),
        "chown '" + path + "'");
  }

  /** Makes a hard link. */
  public void link(int uid, String existing, String path) throws IOException, AgentErrorException {
    agent.call(
        Operation.LINK,
        body(uid).str(existing).str(path),
        "link '" + existing + "' -> '" + path + "'");
  }

  /** Makes a symbolic link. */
  public void symbolicLink(int uid, String target, String path)
      throws IOException, AgentErrorException {
    agent.call(
        Operation.SYMLINK,
        body(uid).str(target).str(path),
        "symlink '" + target + "' -> '" + path + "'");
  }

  /** What a symbolic link says. */
  public String readLink(int uid, String path) throws IOException, AgentErrorException {
    return agent
        .call(Operation.READ_LINK, body(uid).str(path), "readlink '" + path + "'")
        .str(LARGEST_PATH);
  }

  /** The path with all links resolved. */
  public String realPath(int uid, String path) throws IOException, AgentErrorException {
    return agent
        .call(Operation.REAL_PATH, body(uid).str(path), "realpath '" + path + "'")
        .str(LARGEST_PATH);
  }

  /** Makes a file that long. */
  public void truncate(int uid, String path, long size) throws IOException, AgentErrorException {
    agent.call(Operation.TRUNCATE, body(uid).str(path).u64(size), "truncate '" + path + "'");
  }

  /** Sets the times. */
  public void setTimes(int uid, String path, long access, long modification)
      throws IOException, AgentErrorException {
    agent.call(
        Operation.UTIME, body(uid).str(path).u64(access).u64(modification), "utime '" + path + "'");
  }

  /** Copies a regular file. */
  public void copy(int uid, String from, String to, int umask)
      throws IOException, AgentErrorException {
    agent.call(
        Operation.COPY_FILE,
        body(uid).str(from).str(to).u32(umask),
        "copy '" + from + "' -> '" + to + "'");
  }

  /** Makes a file or directory of a new name. */
  public String makeTemporary(
      int uid, String directory, String prefix, String suffix, boolean isDirectory, int umask)
      throws IOException, AgentErrorException {
    return agent
        .call(
            Operation.MAKE_TEMP,
            body(uid).str(directory).str(prefix).str(suffix).bool(isDirectory).u32(umask),
            (isDirectory ? "tmpdir '" : "tmpfile '") + directory + "'")
        .str(LARGEST_PATH);
  }

  /** The bytes of a file. Close the stream. */
  public InputStream read(int uid, String path) throws IOException, AgentErrorException {
    AgentStream stream = agent.connection().newStream(false, true);
    try {
      agent.call(
          Operation.READ_FILE,
          body(uid).str(path).u64(0).u64(-1).u32(stream.id()),
          "readfile '" + path + "'");
    } catch (IOException | AgentErrorException e) {
      agent.connection().forget(stream);
      throw e;
    }
    return stream.input();
  }

  /** Begins to write a file. */
  public Writing write(
      int uid, String path, boolean append, boolean create, boolean createNew, int mode, int umask)
      throws IOException {
    AgentStream stream = agent.connection().newStream(true, false);
    int flags = (create ? 1 : 0) | (createNew ? 2 : 0) | (append ? 4 : 8);
    try {
      Call call =
          agent
              .connection()
              .start(
                  Operation.WRITE_FILE,
                  body(uid).str(path).u8(flags).u32(mode).u32(umask).u32(stream.id()));
      resetWhereRefused(stream, call);
      return new Writing(stream, call, "writefile '" + path + "'");
    } catch (IOException e) {
      agent.connection().forget(stream);
      throw e;
    }
  }

  /**
   * A file that could not be opened never has room for bytes: who waits for some must hear of it.
   */
  @SuppressWarnings("FutureReturnValueIgnored") // waking a writer cannot fail
  private static void resetWhereRefused(AgentStream stream, Call call) {
    call.result()
        .thenAccept(
            result -> {
              if (result.errno() != 0) {
                stream.onReset(result.errno());
              }
            });
  }

  /** A file that is being written. */
  public final class Writing implements AutoCloseable {
    private final AgentStream stream;
    private final Call call;
    private final String what;

    private Writing(AgentStream stream, Call call, String what) {
      this.stream = stream;
      this.call = call;
      this.what = what;
    }

    /** Sends bytes; blocks while the guest has no room. */
    public void write(byte[] bytes, int offset, int length)
        throws IOException, AgentErrorException {
      try {
        stream.output().write(bytes, offset, length);
      } catch (StreamResetException e) {
        agent.await(call, what);
        throw e;
      }
    }

    /** Blocks until the guest has all of it. */
    public void finish() throws IOException, AgentErrorException {
      stream.output().close();
      agent.await(call, what);
    }

    /** Gives up what was not finished. */
    @Override
    public void close() {
      stream.close();
    }
  }

  /** Opens a file; gives its handle. */
  public int open(int uid, String path, OpenMode how, int mode, int umask)
      throws IOException, AgentErrorException {
    return agent
        .call(
            Operation.FILE_OPEN,
            body(uid).str(path).u32(how.flags()).u32(mode).u32(umask),
            "open '" + path + "'")
        .u32();
  }

  /** Closes an open file. */
  public void close(int uid, int handle) throws IOException, AgentErrorException {
    agent.call(Operation.FILE_CLOSE, body(uid).u32(handle), "close");
  }

  /** Reads at the position; −1 at the end. */
  public int read(int uid, int handle, byte[] target, int offset, int length)
      throws IOException, AgentErrorException {
    int wanted = Math.min(length, CHUNK);
    byte[] bytes =
        agent.call(Operation.FILE_READ, body(uid).u32(handle).u32(wanted), "read").rest();
    if (bytes.length > wanted) {
      throw agent.connection().violation("more bytes than were asked for");
    }
    System.arraycopy(bytes, 0, target, offset, bytes.length);
    return bytes.length == 0 ? -1 : bytes.length;
  }

  /** Writes at the position, all of it. */
  public void write(int uid, int handle, byte[] source, int offset, int length)
      throws IOException, AgentErrorException {
    int done = 0;
    while (done < length) {
      int part = Math.min(length - done, CHUNK - 16);
      int written =
          agent
              .call(
                  Operation.FILE_WRITE,
                  body(uid).u32(handle).raw(source, offset + done, part),
                  "write")
              .u32();
      if (written <= 0 || written > part) {
        throw agent.connection().violation("a write of " + written + " bytes");
      }
      done += written;
    }
  }

  /** Moves the position; from 0 the start, 1 the position, 2 the end. */
  public long seek(int uid, int handle, long offset, int from)
      throws IOException, AgentErrorException {
    return agent
        .call(Operation.FILE_SEEK, body(uid).u32(handle).u64(offset).u8(from), "seek")
        .u64();
  }

  /** What is said of an open file. */
  public Stat stat(int uid, int handle) throws IOException, AgentErrorException {
    return stat(agent.call(Operation.FILE_STAT, body(uid).u32(handle), "fstat"));
  }

  /** Writes it to the disk. */
  public void sync(int uid, int handle, boolean dataOnly) throws IOException, AgentErrorException {
    agent.call(Operation.FILE_SYNC, body(uid).u32(handle).bool(dataOnly), "sync");
  }

  /** Makes an open file that long. */
  public void truncate(int uid, int handle, long size) throws IOException, AgentErrorException {
    agent.call(Operation.FILE_TRUNCATE, body(uid).u32(handle).u64(size), "truncate");
  }

  /** Sets the times of an open file. */
  public void setTimes(int uid, int handle, long access, long modification)
      throws IOException, AgentErrorException {
    agent.call(Operation.FILE_UTIME, body(uid).u32(handle).u64(access).u64(modification), "utime");
  }

  /** Takes the advisory lock; EAGAIN where it is held elsewhere. */
  public void lock(int uid, int handle, boolean exclusive) throws IOException, AgentErrorException {
    agent.call(Operation.FILE_LOCK, body(uid).u32(handle).bool(exclusive), "lock");
  }

  /** Gives the advisory lock back. */
  public void unlock(int uid, int handle) throws IOException, AgentErrorException {
    agent.call(Operation.FILE_UNLOCK, body(uid).u32(handle), "unlock");
  }

  private static BodyWriter body(int uid) {
    return new BodyWriter().u32(uid);
  }

  private static Stat stat(BodyReader body) throws ProtocolException {
    Stat stat =
        new Stat(
            body.u64(),
            body.u64(),
            body.u32(),
            body.u64(),
            body.u32(),
            body.u32(),
            body.u64(),
            body.u64(),
            body.u32(),
            body.u64(),
            body.u64(),
            body.u64(),
            body.u64(),
            body.u64());
    body.end();
    return stat;
  }
}
