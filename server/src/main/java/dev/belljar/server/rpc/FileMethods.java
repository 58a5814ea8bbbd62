package dev.belljar.server.rpc;

import dev.belljar.DirEntry;
import dev.belljar.FileInfo;
import dev.belljar.FileSystemOperationException;
import dev.belljar.FileType;
import dev.belljar.FsFile;
import dev.belljar.GlobOptions;
import dev.belljar.IsADirectoryException;
import dev.belljar.OpenOptions;
import dev.belljar.SandboxFs;
import dev.belljar.WalkEntry;
import dev.belljar.WalkOptions;
import dev.belljar.WriteOptions;
import dev.belljar.server.rpc.Method.Answer;
import dev.belljar.server.rpc.Method.Failure;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The calls about files. */
final class FileMethods {
  /** The largest file that one message carries; larger ones are opened and read in parts. */
  static final int LARGEST_FILE = 128 << 20;

  /** Entries of a directory that one message carries. */
  private static final int MOST_ENTRIES = 200_000;

  private static final int LARGEST_READ = 1 << 20;
  private static final int PERMISSIONS = 07777;

  private final RpcSession session;
  private final SandboxFs fs;

  FileMethods(RpcSession session) {
    this.session = session;
    fs = session.sandbox().fs();
  }

  void register(Map<String, Method> methods) {
    methods.put("readFile", params -> read(params, false));
    methods.put("readTextFile", params -> read(params, true));
    methods.put("writeFile", params -> write(params, false));
    methods.put("writeTextFile", params -> write(params, true));
    methods.put("readDir", this::readDir);
    methods.put("remove", this::remove);
    methods.put("mkdir", this::mkdir);
    methods.put("rename", this::rename);
    methods.put("stat", params -> new Answer.Value(info(fs.stat(path(params)))));
    methods.put("lstat", params -> new Answer.Value(info(fs.lstat(path(params)))));
    methods.put("chmod", this::chmod);
    methods.put("chown", this::chown);
    methods.put("copyFile", this::copyFile);
    methods.put("link", this::link);
    methods.put("symlink", this::symlink);
    methods.put("readLink", params -> Answer.of(fs.readLink(path(params))));
    methods.put("realPath", params -> Answer.of(fs.realPath(path(params))));
    methods.put("truncate", this::truncate);
    methods.put("umask", this::umask);
    methods.put("utime", this::utime);
    methods.put("makeTempDir", params -> makeTemp(params, true));
    methods.put("makeTempFile", params -> makeTemp(params, false));
    methods.put("open", this::open);
    methods.put("create", params -> handle(fs.create(path(params))));
    methods.put("walk", this::walk);
    methods.put("expandGlob", this::expandGlob);
    methods.put("fileClose", this::fileClose);
    methods.put("fileLock", this::fileLock);
    methods.put("fileUnlock", params -> on(params, FsFile::unlock));
    methods.put("fileRead", this::fileRead);
    methods.put("fileWrite", this::fileWrite);
    methods.put("fileSeek", this::fileSeek);
    methods.put("fileStat", params -> with(params, file -> new Answer.Value(info(file.stat()))));
    methods.put("fileSync", params -> on(params, FsFile::sync));
    methods.put("fileSyncData", params -> on(params, FsFile::syncData));
    methods.put("fileTruncate", this::fileTruncate);
    methods.put("fileUtime", this::fileUtime);
  }

  private static String path(Params params) throws InvalidParamsException {
    String path = params.string("path");
    params.check();
    return path;
  }

  private Answer read(Params params, boolean text) throws Exception {
    String path = path(params);
    long size = size(path);
    try (InputStream in = fs.newInputStream(path)) {
      HeldBytes.Result read = HeldBytes.read(in, text, size, LARGEST_FILE, session.budget());
      return new Answer.Content(
          read.bytes()
              .orElseThrow(
                  () ->
                      read.refusal().equals(Optional.of(HeldBytes.Refusal.TOO_MANY))
                          ? tooLarge(path)
                          : noMemory(path)));
    }
  }

  /** What it claims to have. */
  private long size(String path) throws Failure {
    long size;
    try {
      size = fs.stat(path).size();
    } catch (FileSystemOperationException e) {
      // Reading it will say the same in the words for reading.
      return 0;
    }
    if (size > LARGEST_FILE) {
      throw tooLarge(path);
    }
    return Math.max(size, 0);
  }

  private static Failure noMemory(String path) {
    return new Failure(
        WireError.of(
            "Error", "The server has no memory left for '" + path + "'; try again.", "ENOMEM"));
  }

  private static Failure tooLarge(String path) {
    return new Failure(
        WireError.of(
            "Error",
            "File too large (os error 27): '"
                + path
                + "' has more than "
                + (LARGEST_FILE >> 20)
                + " MiB, which one message cannot carry; open it and read it in parts",
            "EFBIG"));
  }

  private Answer write(Params params, boolean text) throws Exception {
    String path = params.string("path");
    WriteOptions options = writeOptions(params.object("options"));
    InputStream data;
    if (params.has("contentStreamId")) {
      long id = params.integer("contentStreamId");
      if (params.has("content")) {
        params.wrong("contentStreamId", "'content' is given as well; it can be one of them.");
      }
      params.check();
      data = session.claim(id, params, "contentStreamId");
    } else if (text) {
      data = new ByteArrayInputStream(params.string("content").getBytes(StandardCharsets.UTF_8));
    } else {
      data = params.stream("content");
    }
    try (data) {
      params.check();
      fs.writeFile(path, data, options);
    }
    return Answer.DONE;
  }

  private static WriteOptions writeOptions(Params options) {
    return new WriteOptions(
        options.bool("append", false),
        options.bool("create", true),
        options.bool("createNew", false),
        options.optionalInteger("mode", 0, PERMISSIONS));
  }

  private Answer readDir(Params params) throws Exception {
    String path = path(params);
    ArrayNode list = Json.NODES.arrayNode();
    try (Stream<DirEntry> entries = fs.readDir(path)) {
      Iterator<DirEntry> each = entries.iterator();
      while (each.hasNext()) {
        if (list.size() >= MOST_ENTRIES) {
          throw new Failure(
              WireError.of(
                  "Error",
                  "'" + path + "' has more than " + MOST_ENTRIES + " entries; use walk instead",
                  "EOVERFLOW"));
        }
        DirEntry entry = each.next();
        types(list.addObject().put("name", entry.name()), entry.type());
      }
    }
    return new Answer.Value(list);
  }

  private static ObjectNode types(ObjectNode node, FileType type) {
    return node.put("isFile", type == FileType.FILE)
        .put("isDirectory", type == FileType.DIRECTORY)
        .put("isSymlink", type == FileType.SYMLINK);
  }

  private Answer remove(Params params) throws Exception {
    boolean recursive = params.object("options").bool("recursive", false);
    fs.remove(path(params), recursive);
    return Answer.DONE;
  }

  private Answer mkdir(Params params) throws Exception {
    Params options = params.object("options");
    boolean recursive = options.bool("recursive", false);
    OptionalInt mode = options.optionalInteger("mode", 0, PERMISSIONS);
    fs.mkdir(path(params), recursive, mode);
    return Answer.DONE;
  }

  private Answer rename(Params params) throws Exception {
    String from = params.string("oldPath");
    String to = params.string("newPath");
    params.check();
    fs.rename(from, to);
    return Answer.DONE;
  }

  private Answer chmod(Params params) throws Exception {
    int mode = params.integer("mode", 0, PERMISSIONS);
    fs.chmod(path(params), mode);
    return Answer.DONE;
  }

  private Answer chown(Params params) throws Exception {
    OptionalInt uid = params.optionalInteger("uid", 0, Integer.MAX_VALUE);
    OptionalInt gid = params.optionalInteger("gid", 0, Integer.MAX_VALUE);
    fs.chown(path(params), uid, gid);
    return Answer.DONE;
  }

  private Answer copyFile(Params params) throws Exception {
    String from = params.string("fromPath");
    String to = params.string("toPath");
    params.check();
    try {
      fs.copyFile(from, to);
    } catch (IsADirectoryException e) {
      if (!fs.stat(from).isDirectory()) {
        throw e;
      }
      throw new Failure(
          WireError.of(
              "TypeError",
              "the source path is neither a regular file nor a symlink to a regular file: copy '"
                  + from
                  + "' -> '"
                  + to
                  + "'",
              "EINVAL"));
    }
    return Answer.DONE;
  }

  private Answer link(Params params) throws Exception {
    String target = params.string("target");
    fs.link(target, path(params));
    return Answer.DONE;
  }

  private Answer symlink(Params params) throws Exception {
    String target = params.string("target");
    Params options = params.object("options");
    if (options.has("type")) {
      options.oneOf("type", Map.of("file", 0, "dir", 0, "junction", 0));
    }
    fs.symlink(target, path(params));
    return Answer.DONE;
  }

  private Answer truncate(Params params) throws Exception {
    String name = params.string("name");
    long length = params.size("length");
    params.check();
    fs.truncate(name, length);
    return Answer.DONE;
  }

  private Answer umask(Params params) throws Exception {
    OptionalInt mask = params.optionalInteger("mask", 0, 0777);
    params.check();
    return Answer.of(mask.isPresent() ? fs.umask(mask.getAsInt()) : fs.umask());
  }

  private Answer utime(Params params) throws Exception {
    Instant access = params.instant("atime");
    Instant modification = params.instant("mtime");
    fs.utime(path(params), access, modification);
    return Answer.DONE;
  }

  private Answer makeTemp(Params params, boolean directory) throws Exception {
    Params options = params.object("options");
    String parent = options.optionalString("dir").orElse("/tmp");
    String prefix = options.optionalString("prefix").orElse("");
    String suffix = options.optionalString("suffix").orElse("");
    params.check();
    if ((prefix + suffix).indexOf('/') >= 0) {
      throw wrong("Invalid character in prefix or suffix: \"/\"");
    }
    try {
      return Answer.of(
          directory
              ? fs.makeTempDir(parent, prefix, suffix)
              : fs.makeTempFile(parent, prefix, suffix));
    } catch (FileSystemOperationException e) {
      throw without(" '" + parent, e);
    }
  }

  private Answer open(Params params) throws Exception {
    String path = params.string("path");
    boolean given = params.has("options");
    Params options = params.object("options");
    boolean read = options.bool("read", !given);
    boolean write = options.bool("write", false);
    boolean append = options.bool("append", false);
    boolean truncate = options.bool("truncate", false);
    boolean create = options.bool("create", false);
    boolean createNew = options.bool("createNew", false);
    OptionalInt mode = options.optionalInteger("mode", 0, PERMISSIONS);
    params.check();
    if (!read && !write && !append && !truncate && !create && !createNew) {
      throw wrong("'options' requires at least one option to be true");
    }
    if (truncate && !write) {
      throw wrong("'truncate' option requires 'write' to be true");
    }
    if ((create || createNew) && !write && !append) {
      throw wrong("'create' or 'createNew' options require 'write' or 'append' to be true");
    }
    return handle(
        fs.open(path, new OpenOptions(read, write, append, truncate, create, createNew, mode)));
  }

  /** In the words of Deno. */
  private static Failure wrong(String message) {
    return new Failure(WireError.of("Error", message, null));
  }

  private Answer handle(FsFile file) throws Failure {
    return new Answer.Value(Json.NODES.objectNode().put("fileHandleId", session.open(file)));
  }

  private Answer walk(Params params) throws Exception {
    String path = params.string("path");
    OptionalInt depth = params.optionalInteger("maxDepth", 0, Integer.MAX_VALUE);
    WalkOptions options =
        new WalkOptions(
            depth.orElse(Integer.MAX_VALUE),
            params.bool("includeFiles", true),
            params.bool("includeDirs", true),
            params.bool("includeSymlinks", true),
            params.bool("followSymlinks", false),
            params.bool("canonicalize", true),
            params.strings("exts"),
            patterns(params, "match"),
            patterns(params, "skip"));
    params.check();
    return entries(fs.walk(path, options));
  }

  private Answer expandGlob(Params params) throws Exception {
    String glob = params.string("glob");
    // The official client's users expect paths that begin at a directory, not at nothing.
    String root = params.optionalString("root").orElse(session.hosted().workingDirectory());
    GlobOptions options =
        new GlobOptions(
            Optional.of(root),
            params.strings("exclude"),
            params.bool("includeDirs", true),
            params.bool("followSymlinks", false),
            params.bool("canonicalize", true),
            params.bool("extended", true),
            params.bool("globstar", true),
            params.bool("caseInsensitive", false));
    params.check();
    return entries(fs.expandGlob(glob, options));
  }

  private static List<Pattern> patterns(Params params, String name) {
    List<Pattern> patterns = new ArrayList<>();
    for (Params item : params.items(name)) {
      String source = item.string("source");
      String flags = item.string("flags");
      if (!RegularExpression.knows(flags)) {
        item.wrong("flags", "The server does not know all of these flags");
        continue;
      }
      try {
        patterns.add(RegularExpression.compile(source, flags));
      } catch (PatternSyntaxException e) {
        item.wrong(
            "source", "The server cannot read this regular expression: " + e.getDescription());
      }
    }
    return patterns;
  }

  /** Each entry is a chunk of its own: that is how clients tell them apart. */
  private Answer entries(Stream<WalkEntry> entries) throws Failure {
    session.checkStreams();
    Iterator<WalkEntry> each = entries.iterator();
    long id =
        session
            .outgoing()
            .send(
                new OutgoingStreams.Chunks() {
                  private volatile boolean closed;

                  @Override
                  public @Nullable ByteBuffer next() {
                    if (closed || !each.hasNext()) {
                      return null;
                    }
                    WalkEntry entry = each.next();
                    ObjectNode node =
                        Json.NODES
                            .objectNode()
                            .put("path", entry.path())
                            .put("name", entry.entry().name());
                    String json = types(node, entry.entry().type()).toString();
                    return ByteBuffer.wrap(json.getBytes(StandardCharsets.UTF_8));
                  }

                  @Override
                  public void close() {
                    closed = true;
                    entries.close();
                  }
                },
                false);
    return new Answer.Value(Json.NODES.objectNode().put("streamId", id));
  }

  /** Something to be done with an open file. */
  private interface Act {
    void on(FsFile file);
  }

  private Answer on(Params params, Act act) throws InvalidParamsException, Failure {
    return with(
        params,
        file -> {
          act.on(file);
          return Answer.DONE;
        });
  }

  /** Deno does not say what was done with an open file, and what the file is called. */
  private Answer with(Params params, Function<FsFile, Answer> act)
      throws InvalidParamsException, Failure {
    FsFile file = session.file(params);
    try {
      return act.apply(file);
    } catch (FileSystemOperationException e) {
      throw without(": ", e);
    }
  }

  /** The same failure, told only up to {@code cut}. */
  private static Failure without(String cut, FileSystemOperationException failure) {
    WireError error = WireError.of(failure);
    int end = error.message().indexOf(cut);
    return new Failure(
        end < 0
            ? error
            : WireError.of(
                error.constructorName(), error.message().substring(0, end), failure.code()));
  }

  private Answer fileClose(Params params) throws Exception {
    session.close(params);
    return Answer.DONE;
  }

  private Answer fileLock(Params params) throws Exception {
    boolean exclusive = params.bool("exclusive", false);
    return on(params, file -> file.lock(exclusive));
  }

  private Answer fileRead(Params params) throws Exception {
    int length = Math.min(params.integer("length", 0, Integer.MAX_VALUE), LARGEST_READ);
    return with(params, file -> read(file, length));
  }

  private static Answer read(FsFile file, int length) {
    byte[] buffer = new byte[length];
    int read = length == 0 ? 0 : file.read(buffer, 0, length);
    return read < 0
        ? new Answer.Value(Json.NODES.objectNode().putNull("data"))
        : new Answer.Data(Base64.getEncoder().encode(ByteBuffer.wrap(buffer, 0, read)));
  }

  private Answer fileWrite(Params params) throws Exception {
    byte[] data = params.bytes("data");
    return with(
        params,
        file -> {
          file.write(data, 0, data.length);
          return new Answer.Value(Json.NODES.objectNode().put("bytesWritten", data.length));
        });
  }

  private Answer fileSeek(Params params) throws Exception {
    long offset = params.integerOrText("offset");
    FsFile.SeekMode from =
        switch (params.integer("whence", 0, 2)) {
          case 0 -> FsFile.SeekMode.START;
          case 1 -> FsFile.SeekMode.CURRENT;
          default -> FsFile.SeekMode.END;
        };
    return with(
        params,
        file -> new Answer.Value(Json.NODES.objectNode().put("position", file.seek(offset, from))));
  }

  private Answer fileTruncate(Params params) throws Exception {
    long length = params.size("len");
    return on(params, file -> file.truncate(length));
  }

  private Answer fileUtime(Params params) throws Exception {
    Instant access = params.instant("atime");
    Instant modification = params.instant("mtime");
    return on(params, file -> file.utime(access, modification));
  }

  private static ObjectNode info(FileInfo info) {
    FileType type = info.type();
    return types(Json.NODES.objectNode(), type)
        .put("size", info.size())
        .put("mtime", date(info.mtime()))
        .put("atime", date(info.atime()))
        .put("birthtime", date(info.birthtime().orElse(info.ctime())))
        .put("ctime", date(info.ctime()))
        .put("mode", info.mode())
        .put("dev", info.dev())
        .put("ino", info.ino())
        .put("nlink", info.nlink())
        .put("uid", info.uid())
        .put("gid", info.gid())
        .put("rdev", info.rdev())
        .put("blksize", info.blksize())
        .put("blocks", info.blocks())
        .put("isBlockDevice", type == FileType.BLOCK_DEVICE)
        .put("isCharDevice", type == FileType.CHARACTER_DEVICE)
        .put("isFifo", type == FileType.FIFO)
        .put("isSocket", type == FileType.SOCKET);
  }

  /** JavaScript's dates have milliseconds. */
  private static String date(Instant time) {
    return time.truncatedTo(java.time.temporal.ChronoUnit.MILLIS).toString();
  }
}
