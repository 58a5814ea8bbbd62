package dev.belljar.remote;

import dev.belljar.BelljarException;
import dev.belljar.DirEntry;
import dev.belljar.FileInfo;
import dev.belljar.FileSystemOperationException;
import dev.belljar.FileType;
import dev.belljar.FsFile;
import dev.belljar.GlobOptions;
import dev.belljar.InvalidOptionException;
import dev.belljar.OpenOptions;
import dev.belljar.SandboxFs;
import dev.belljar.WalkEntry;
import dev.belljar.WalkOptions;
import dev.belljar.WriteOptions;
import dev.belljar.remote.Rpc.Outcome;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import tools.jackson.databind.node.ObjectNode;

/** The files of a sandbox of a server. */
final class RemoteFs implements SandboxFs {
  /** Up to here a file is one message; beyond, it comes and goes in parts. */
  private static final int WHOLE = 1 << 20;

  private static final int CHUNK = 64 << 10;
  private static final int LONGEST_ARRAY = Integer.MAX_VALUE - 8;

  private final Rpc rpc;

  RemoteFs(Rpc rpc) {
    this.rpc = rpc;
  }

  @Override
  public byte[] readFile(String path) {
    long size = sizeIfKnown(path);
    if (size > LONGEST_ARRAY) {
      throw new BelljarException(
          "'"
              + path
              + "' has "
              + size
              + " bytes, more than an array holds; read it with newInputStream.");
    }
    if (size <= WHOLE) {
      Outcome outcome = rpc.abortable("readFile", path(path), reply -> {});
      return outcome.orThrow().bytes();
    }
    try (FsFile file = open(path, OpenOptions.READ)) {
      byte[] bytes = new byte[(int) size];
      int length = 0;
      int read;
      while (length < bytes.length
          && (read = file.read(bytes, length, bytes.length - length)) >= 0) {
        length += read;
      }
      if (length == bytes.length) {
        try (InputStream rest = file.readable()) {
          byte[] grown = rest.readAllBytes();
          return grown.length == 0 ? bytes : joined(bytes, grown);
        }
      }
      return Arrays.copyOf(bytes, length);
    } catch (IOException | OutOfMemoryError e) {
      throw new BelljarException(
          "'" + path + "' does not fit into this program's memory; read it with newInputStream.",
          e);
    }
  }

  @Override
  public InputStream newInputStream(String path) {
    return new BufferedInputStream(open(path, OpenOptions.READ).readable(), RemoteFsFile.CHUNK);
  }

  @Override
  public void writeFile(String path, byte[] data, WriteOptions options) {
    if (data.length > WHOLE) {
      stream(path, new byte[0], new ByteArrayInputStream(data), options);
      return;
    }
    ObjectNode params = path(path).put("content", Base64.getEncoder().encodeToString(data));
    params.set("options", json(options));
    rpc.abortable("writeFile", params, reply -> {}).orThrow();
  }

  @Override
  public void writeFile(String path, InputStream data, WriteOptions options) {
    byte[] beginning;
    try {
      beginning = data.readNBytes(WHOLE);
    } catch (IOException e) {
      throw unreadable(e);
    }
    if (beginning.length < WHOLE) {
      writeFile(path, beginning, options);
    } else {
      stream(path, beginning, data, options);
    }
  }

  @Override
  public OutputStream newOutputStream(String path, WriteOptions options) {
    OpenOptions how =
        new OpenOptions(
            false,
            true,
            options.append(),
            !options.append(),
            options.create(),
            options.createNew(),
            options.mode());
    return new BufferedOutputStream(open(path, how).writable(), CHUNK);
  }

  @Override
  public Stream<DirEntry> readDir(String path) {
    return rpc.call("readDir", path(path)).list().stream().map(RemoteFs::entry);
  }

  @Override
  public void remove(String path, boolean recursive) {
    ObjectNode params = path(path);
    params.set("options", Json.object().put("recursive", recursive));
    rpc.call("remove", params);
  }

  @Override
  public void mkdir(String path, boolean recursive, OptionalInt mode) {
    ObjectNode options = Json.object().put("recursive", recursive);
    mode.ifPresent(bits -> options.put("mode", bits));
    ObjectNode params = path(path);
    params.set("options", options);
    rpc.call("mkdir", params);
  }

  @Override
  public void rename(String from, String to) {
    rpc.call("rename", Json.object("oldPath", checked(from)).put("newPath", checked(to)));
  }

  @Override
  public FileInfo stat(String path) {
    return info(rpc.call("stat", path(path)));
  }

  @Override
  public FileInfo lstat(String path) {
    return info(rpc.call("lstat", path(path)));
  }

  @Override
  public void chmod(String path, int mode) {
    rpc.call("chmod", path(path).put("mode", mode & 07777));
  }

  @Override
  public void chown(String path, OptionalInt uid, OptionalInt gid) {
    ObjectNode params = path(path);
    params.set("uid", Json.of(uid.isPresent() ? uid.getAsInt() : null));
    params.set("gid", Json.of(gid.isPresent() ? gid.getAsInt() : null));
    rpc.call("chown", params);
  }

  @Override
  public void copyFile(String from, String to) {
    rpc.call("copyFile", Json.object("fromPath", checked(from)).put("toPath", checked(to)));
  }

  @Override
  public void link(String target, String path) {
    rpc.call("link", path(path).put("target", checked(target)));
  }

  @Override
  public void symlink(String target, String path) {
    rpc.call("symlink", path(path).put("target", checked(target)));
  }

  @Override
  public String readLink(String path) {
    return rpc.call("readLink", path(path)).text();
  }

  @Override
  public String realPath(String path) {
    return rpc.call("realPath", path(path)).text();
  }

  @Override
  public void truncate(String path, long size) {
    checkSize(size);
    rpc.call("truncate", Json.object("name", checked(path)).put("length", size));
  }

  @Override
  public void utime(String path, Instant access, Instant modification) {
    rpc.call(
        "utime", path(path).put("atime", access.toString()).put("mtime", modification.toString()));
  }

  @Override
  public int umask() {
    return rpc.call("umask", Json.object()).integer();
  }

  @Override
  public int umask(int mask) {
    if (mask < 0 || mask > 0777) {
      throw new InvalidOptionException(
          "A umask is 0 to 0777 (octal), not " + Integer.toOctalString(mask) + ".");
    }
    return rpc.call("umask", Json.object().put("mask", mask)).integer();
  }

  @Override
  public String makeTempDir(String directory, String prefix, String suffix) {
    return rpc.call("makeTempDir", temporary(directory, prefix, suffix)).text();
  }

  @Override
  public String makeTempFile(String directory, String prefix, String suffix) {
    return rpc.call("makeTempFile", temporary(directory, prefix, suffix)).text();
  }

  @Override
  public FsFile open(String path, OpenOptions options) {
    ObjectNode how =
        Json.object()
            .put("read", options.read())
            .put("write", options.write())
            .put("append", options.append())
            .put("truncate", options.truncate())
            .put("create", options.create())
            .put("createNew", options.createNew());
    options.mode().ifPresent(bits -> how.put("mode", bits));
    ObjectNode params = path(path);
    params.set("options", how);
    Reply reply =
        rpc.call(
            "open", params, late -> new RemoteFsFile(rpc, late.number("fileHandleId")).close());
    return new RemoteFsFile(rpc, reply.number("fileHandleId"));
  }

  /** The server walks, but where patterns are Java's, which are not JavaScript's. */
  @Override
  public Stream<WalkEntry> walk(String root, WalkOptions options) {
    if (!options.match().isEmpty() || !options.skip().isEmpty()) {
      return SandboxFs.super.walk(root, options);
    }
    ObjectNode params =
        path(root)
            .put("includeFiles", options.includeFiles())
            .put("includeDirs", options.includeDirs())
            .put("includeSymlinks", options.includeSymlinks())
            .put("followSymlinks", options.followSymlinks())
            .put("canonicalize", options.canonicalize());
    if (options.maxDepth() != Integer.MAX_VALUE) {
      params.put("maxDepth", options.maxDepth());
    }
    if (!options.extensions().isEmpty()) {
      params.set("exts", Json.array(options.extensions()));
    }
    return entries("walk", params);
  }

  @Override
  public Stream<WalkEntry> expandGlob(String glob, GlobOptions options) {
    ObjectNode params =
        Json.object("glob", checked(glob))
            .put("extended", options.extended())
            .put("globstar", options.globstar())
            .put("caseInsensitive", options.caseInsensitive())
            .put("includeDirs", options.includeDirs())
            .put("followSymlinks", options.followSymlinks())
            .put("canonicalize", options.canonicalize());
    options.root().ifPresent(root -> params.put("root", root));
    if (!options.exclude().isEmpty()) {
      params.set("exclude", Json.array(options.exclude()));
    }
    return entries("expandGlob", params);
  }

  static FileInfo info(Reply stat) {
    return new FileInfo(
        type(stat),
        stat.number("size"),
        stat.optionalTime("mtime").orElse(Instant.EPOCH),
        stat.optionalTime("atime").orElse(Instant.EPOCH),
        stat.optionalTime("ctime").orElse(Instant.EPOCH),
        stat.optionalTime("birthtime"),
        stat.number("dev"),
        stat.optionalNumber("ino").orElse(0),
        (int) stat.optionalNumber("mode").orElse(0),
        stat.optionalNumber("nlink").orElse(0),
        (int) stat.optionalNumber("uid").orElse(0),
        (int) stat.optionalNumber("gid").orElse(0),
        stat.optionalNumber("rdev").orElse(0),
        (int) stat.optionalNumber("blksize").orElse(0),
        stat.optionalNumber("blocks").orElse(0));
  }

  static void checkSize(long size) {
    if (size < 0) {
      throw new InvalidOptionException("A size cannot be negative: " + size);
    }
  }

  private Stream<WalkEntry> entries(String method, ObjectNode params) {
    Reply reply = rpc.call(method, params, late -> rpc.incoming(late.number("streamId")).close());
    return new EntryStream(method, rpc.incoming(reply.number("streamId"))).stream();
  }

  static DirEntry entry(Reply reply) {
    return new DirEntry(reply.text("name"), type(reply));
  }

  private static FileType type(Reply reply) {
    if (reply.flag("isFile")) {
      return FileType.FILE;
    } else if (reply.flag("isDirectory")) {
      return FileType.DIRECTORY;
    } else if (reply.flag("isSymlink")) {
      return FileType.SYMLINK;
    } else if (is(reply, "isBlockDevice")) {
      return FileType.BLOCK_DEVICE;
    } else if (is(reply, "isCharDevice")) {
      return FileType.CHARACTER_DEVICE;
    } else if (is(reply, "isFifo")) {
      return FileType.FIFO;
    } else if (is(reply, "isSocket")) {
      return FileType.SOCKET;
    }
    return FileType.OTHER;
  }

  private static boolean is(Reply reply, String name) {
    return !reply.member(name).absent() && reply.flag(name);
  }

  /** Sends what is in hand and then all of a stream, while the server writes. */
  private void stream(String path, byte[] beginning, InputStream data, WriteOptions options) {
    ObjectNode params = path(path);
    params.set("options", json(options));
    OutgoingStream content = rpc.outgoing();
    params.put("contentStreamId", content.id());
    CompletableFuture<Outcome> outcome;
    Runnable abort;
    try {
      Rpc.Abortable started = rpc.startAbortable("writeFile", params);
      outcome = started.outcome();
      abort = started.abort();
    } catch (RuntimeException e) {
      rpc.forget(content);
      throw e;
    }
    try (content) {
      content.write(beginning);
      byte[] buffer = new byte[CHUNK];
      int length;
      while (!outcome.isDone() && (length = readFrom(data, buffer, content, abort)) >= 0) {
        content.write(buffer, 0, length);
      }
    } catch (IOException e) {
      // The server wants no more and says why, or the connection is gone, or this thread was
      // interrupted: the wait below tells each.
    }
    rpc.await("writeFile", outcome, abort, reply -> {}).orThrow();
  }

  private static int readFrom(
      InputStream data, byte[] buffer, OutgoingStream content, Runnable abort) throws IOException {
    try {
      return data.read(buffer, 0, buffer.length);
    } catch (IOException e) {
      abort.run();
      content.fail("the data could not be read");
      throw unreadable(e);
    }
  }

  private static BelljarException unreadable(IOException e) {
    return new BelljarException("The data to write could not be read: " + e.getMessage(), e);
  }

  /** Where it cannot be told, reading says why. */
  private long sizeIfKnown(String path) {
    try {
      return stat(path).size();
    } catch (FileSystemOperationException e) {
      return 0;
    }
  }

  private static byte[] joined(byte[] first, byte[] second) {
    byte[] all = Arrays.copyOf(first, Math.addExact(first.length, second.length));
    System.arraycopy(second, 0, all, first.length, second.length);
    return all;
  }

  private static ObjectNode json(WriteOptions options) {
    ObjectNode json =
        Json.object()
            .put("append", options.append())
            .put("create", options.create())
            .put("createNew", options.createNew());
    options.mode().ifPresent(bits -> json.put("mode", bits));
    return json;
  }

  private static ObjectNode temporary(String directory, String prefix, String suffix) {
    if ((prefix + suffix).indexOf('/') >= 0 || (prefix + suffix).indexOf('\0') >= 0) {
      throw new InvalidOptionException("A prefix or suffix cannot hold '/' or NUL.");
    }
    ObjectNode options =
        Json.object("dir", checked(directory)).put("prefix", prefix).put("suffix", suffix);
    ObjectNode params = Json.object();
    params.set("options", options);
    return params;
  }

  private static ObjectNode path(String path) {
    return Json.object("path", checked(path));
  }

  private static String checked(String path) {
    if (path.indexOf('\0') >= 0) {
      throw new InvalidOptionException("A path cannot hold NUL: '" + path.replace('\0', '?') + "'");
    }
    return path;
  }
}
