package dev.belljar;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.Spliterator;
import java.util.Spliterators.AbstractSpliterator;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * Walks, globs and copies of whole trees, made of the single operations that every {@link
 * SandboxFs} has.
 */
final class FileTrees {
  /** Deeper than any path of 4095 bytes can be. */
  private static final int MAX_DEPTH = 2048;

  /** As the kernel follows on the way to one file (path_resolution(7)). */
  private static final int MAX_LINKS = 40;

  private static final Map<PosixFilePermission, PosixFilePermission> EXECUTE_OF_READ =
      Map.of(
          PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_EXECUTE,
          PosixFilePermission.GROUP_READ, PosixFilePermission.GROUP_EXECUTE,
          PosixFilePermission.OTHERS_READ, PosixFilePermission.OTHERS_EXECUTE);

  private FileTrees() {}

  static Stream<WalkEntry> walk(SandboxFs fs, String root, WalkOptions options) {
    return walk(fs, root, options, false);
  }

  /** As a shell does for a glob, directories that may not be read can be passed over. */
  private static Stream<WalkEntry> walk(
      SandboxFs fs, String root, WalkOptions options, boolean skipUnreadable) {
    String path = root.isEmpty() ? root : PathText.normalize(root);
    FileInfo info = fs.stat(path);
    Deque<Pending> pending = new ArrayDeque<>();
    WalkEntry first = new WalkEntry(path, new DirEntry(PathText.name(path), info.type()));
    pending.push(new Pending(first, 0, 0, false));
    var entries =
        new AbstractSpliterator<WalkEntry>(
            Long.MAX_VALUE, Spliterator.ORDERED | Spliterator.NONNULL) {
          @Override
          public boolean tryAdvance(Consumer<? super WalkEntry> action) {
            while (!pending.isEmpty()) {
              Pending next = follow(fs, pending.pop(), options);
              if (next.entry.entry().isDirectory()
                  && next.depth < Math.min(options.maxDepth(), MAX_DEPTH)
                  && !matches(options.skip(), next.entry.path())) {
                for (WalkEntry child : readable(fs, next.entry.path(), skipUnreadable).reversed()) {
                  pending.push(new Pending(child, next.depth + 1, next.links, false));
                }
              }
              if (wanted(next, options)) {
                action.accept(next.entry);
                return true;
              }
            }
            return false;
          }
        };
    return StreamSupport.stream(entries, false);
  }

  /** What a link points to, where links are followed; one that leads to itself stays one. */
  private static Pending follow(SandboxFs fs, Pending pending, WalkOptions options) {
    WalkEntry entry = pending.entry;
    if (!options.followSymlinks() || !entry.entry().isSymlink() || pending.links >= MAX_LINKS) {
      return pending;
    }
    try {
      String target = fs.realPath(entry.path());
      String path = options.canonicalize() ? target : entry.path();
      DirEntry found =
          fs.lstat(target).isDirectory()
              ? new DirEntry(PathText.name(path), FileType.DIRECTORY)
              : entry.entry();
      return new Pending(new WalkEntry(path, found), pending.depth, pending.links + 1, true);
    } catch (FilesystemLoopException e) {
      return pending;
    }
  }

  static Stream<WalkEntry> expandGlob(SandboxFs fs, String glob, GlobOptions options) {
    String whole = below(options.root(), glob);
    boolean directoriesOnly = whole.length() > 1 && whole.endsWith("/");
    if (directoriesOnly) {
      whole = whole.substring(0, whole.length() - 1);
    }
    return matches(fs, whole, options)
        .filter(found -> !directoriesOnly || found.entry().isDirectory());
  }

  private static Stream<WalkEntry> matches(SandboxFs fs, String glob, GlobOptions options) {
    Pattern pattern = GlobPattern.compile(glob, options);
    List<Pattern> excluded =
        options.exclude().stream()
            .map(exclude -> below(options.root(), exclude))
            .map(exclude -> exclude.replaceFirst("(?<=.)/$", ""))
            .map(exclude -> whole(GlobPattern.compile(exclude, options)))
            .toList();
    WalkOptions walk =
        new WalkOptions(
            Integer.MAX_VALUE,
            true,
            options.includeDirs(),
            true,
            options.followSymlinks(),
            options.canonicalize(),
            List.of(),
            List.of(),
            excluded);
    String directory = GlobPattern.literalPrefix(glob);
    if (directory.equals(glob)) {
      return fs.exists(glob) ? walk(fs, glob, walk.withMaxDepth(0)) : Stream.empty();
    }
    String root = directory.isEmpty() ? "." : directory;
    if (!fs.exists(root)) {
      return Stream.empty();
    }
    int depth =
        options.globstar() && glob.contains("**")
            ? Integer.MAX_VALUE
            : depth(glob) - depth(directory);
    return walk(fs, root, walk.withMaxDepth(depth), true)
        .filter(found -> !found.path().equals("."))
        .filter(found -> pattern.matcher(new BoundedText(found.path())).matches());
  }

  private static String below(Optional<String> root, String glob) {
    return PathText.normalizeGlob(
        root.isEmpty() || glob.startsWith("/") ? glob : root.get() + "/" + glob);
  }

  private static Pattern whole(Pattern pattern) {
    return Pattern.compile("^(?:" + pattern.pattern() + ")$", pattern.flags());
  }

  static void upload(SandboxFs fs, Path local, String path) throws IOException {
    try {
      uploadTree(fs, local, path);
    } catch (InterruptedIOException | ClosedByInterruptException e) {
      throw interrupted(e);
    }
  }

  private static void uploadTree(SandboxFs fs, Path local, String path) throws IOException {
    if (!Files.isDirectory(local)) {
      uploadFile(fs, local, path);
      return;
    }
    Files.walkFileTree(
        local,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes)
              throws IOException {
            String target = target(directory);
            fs.mkdir(target, true, OptionalInt.empty());
            fs.chmod(target, mode(directory) | 0700);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            if (attributes.isSymbolicLink()) {
              link(fs, text(Files.readSymbolicLink(file), file), target(file));
            } else if (attributes.isRegularFile()) {
              uploadFile(fs, file, target(file));
            }
            return FileVisitResult.CONTINUE;
          }

          private String target(Path file) throws IOException {
            String relative = text(local.relativize(file), file);
            return relative.isEmpty() ? path : path + "/" + relative;
          }
        });
  }

  /**
   * The text of a path. Bytes that are none would become U+FFFD: another name, and the same for
   * several files.
   */
  private static String text(Path path, Path file) throws IOException {
    String text = path.toString();
    try {
      if (Path.of(text).equals(path)) {
        return text;
      }
    } catch (InvalidPathException e) {
      // Nor can it be read back: said below.
    }
    throw new IOException(
        "The name of "
            + file.toUri()
            + " (or what it links to) is not UTF-8, and cannot be copied. Rename it or leave it out.");
  }

  private static BelljarException interrupted(IOException failure) {
    Thread.currentThread().interrupt();
    return new BelljarException("Interrupted while copying files.", failure);
  }

  private static void link(SandboxFs fs, String target, String path) {
    try {
      fs.symlink(target, path);
    } catch (AlreadyExistsException e) {
      fs.remove(path);
      fs.symlink(target, path);
    }
  }

  static void download(SandboxFs fs, String path, Path local) throws IOException {
    FileInfo info = fs.stat(path);
    try {
      if (info.isDirectory()) {
        Path parent = local.getParent();
        if (parent != null) {
          Files.createDirectories(parent);
        }
        downloadDirectory(fs, path, info.mode(), local, 0);
      } else {
        downloadFile(fs, path, info.mode(), local);
      }
    } catch (InterruptedIOException | ClosedByInterruptException e) {
      throw interrupted(e);
    }
  }

  private static void downloadDirectory(SandboxFs fs, String path, int mode, Path local, int depth)
      throws IOException {
    if (depth > MAX_DEPTH) {
      throw new IOException("A directory of the sandbox is nested too deep to copy: " + local);
    }
    List<WalkEntry> entries = children(fs, path);
    if (!Files.isDirectory(local)) {
      Files.createDirectory(local, PosixFilePermissions.asFileAttribute(bits(mode | 0700)));
    }
    for (WalkEntry child : entries) {
      Optional<Path> target = below(local, child.entry().name());
      if (target.isPresent()) {
        try {
          downloadEntry(fs, child, target.get(), depth);
        } catch (NotFoundException e) {
          // It went away, or its name is not UTF-8: it is there under another one only.
        }
      }
    }
  }

  private static void downloadEntry(SandboxFs fs, WalkEntry entry, Path target, int depth)
      throws IOException {
    if (entry.entry().isDirectory()) {
      if (Files.isSymbolicLink(target)) {
        throw new IOException(
            target + " is a symbolic link; copying through it could lead elsewhere.");
      }
      int mode = fs.lstat(entry.path()).mode();
      downloadDirectory(fs, entry.path(), mode, target, depth + 1);
    } else if (entry.entry().isFile()) {
      downloadFile(fs, entry.path(), fs.lstat(entry.path()).mode(), target);
    }
  }

  /** The file of that name in a directory of this host; none where no file can be called that. */
  private static Optional<Path> below(Path directory, String name) {
    if (name.isEmpty()
        || name.equals(".")
        || name.equals("..")
        || name.indexOf('/') >= 0
        || name.indexOf('\0') >= 0) {
      return Optional.empty();
    }
    try {
      return Optional.of(directory.resolve(name));
    } catch (InvalidPathException e) {
      return Optional.empty();
    }
  }

  private static void downloadFile(SandboxFs fs, String path, int mode, Path local)
      throws IOException {
    try (InputStream in = fs.newInputStream(path);
        OutputStream out = Channels.newOutputStream(opened(local, bits(mode)))) {
      in.transferTo(out);
    }
  }

  /** A new file, with these permissions as far as the umask has them; or what is there, emptied. */
  private static FileChannel opened(Path local, Set<PosixFilePermission> bits) throws IOException {
    try {
      return FileChannel.open(
          local,
          Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
          PosixFilePermissions.asFileAttribute(bits));
    } catch (FileAlreadyExistsException e) {
      FileChannel channel =
          FileChannel.open(
              local,
              StandardOpenOption.TRUNCATE_EXISTING,
              StandardOpenOption.WRITE,
              LinkOption.NOFOLLOW_LINKS);
      try {
        allowToExecute(local, bits);
        return channel;
      } catch (IOException | RuntimeException failure) {
        channel.close();
        throw failure;
      }
    }
  }

  /** Whoever may read it, which is as the umask was when it was made. */
  private static void allowToExecute(Path local, Set<PosixFilePermission> bits) throws IOException {
    Set<PosixFilePermission> had = Files.getPosixFilePermissions(local, LinkOption.NOFOLLOW_LINKS);
    Set<PosixFilePermission> has = EnumSet.noneOf(PosixFilePermission.class);
    has.addAll(had);
    EXECUTE_OF_READ.forEach(
        (read, execute) -> {
          if (had.contains(read) && bits.contains(execute)) {
            has.add(execute);
          }
        });
    if (!has.equals(had)) {
      Files.setPosixFilePermissions(local, has);
    }
  }

  /** The permission bits, without those that change whom a program runs as. */
  private static Set<PosixFilePermission> bits(int mode) {
    StringBuilder text = new StringBuilder("rwxrwxrwx");
    for (int i = 0; i < 9; i++) {
      if ((mode & 0400 >> i) == 0) {
        text.setCharAt(i, '-');
      }
    }
    return PosixFilePermissions.fromString(text.toString());
  }

  private static void uploadFile(SandboxFs fs, Path local, String path) throws IOException {
    int mode = mode(local);
    try (InputStream in = Files.newInputStream(local)) {
      fs.writeFile(path, in, WriteOptions.DEFAULT.withMode(mode));
    }
    fs.chmod(path, mode);
  }

  private static int mode(Path file) throws IOException {
    return (Integer) Files.getAttribute(file, "unix:mode") & 07777;
  }

  private static List<WalkEntry> readable(SandboxFs fs, String directory, boolean skipUnreadable) {
    try {
      return children(fs, directory);
    } catch (PermissionDeniedException e) {
      if (skipUnreadable) {
        return List.of();
      }
      throw e;
    }
  }

  private static List<WalkEntry> children(SandboxFs fs, String directory) {
    String prefix = directory.endsWith("/") ? directory : directory + "/";
    String begin = directory.equals(".") || directory.equals("./") ? "" : prefix;
    try (Stream<DirEntry> entries = fs.readDir(directory)) {
      List<WalkEntry> children = new ArrayList<>();
      entries.forEach(entry -> children.add(new WalkEntry(begin + entry.name(), entry)));
      children.sort(Comparator.comparing(WalkEntry::path));
      return children;
    }
  }

  private static boolean wanted(Pending pending, WalkOptions options) {
    WalkEntry found = pending.entry;
    boolean kind =
        switch (found.entry().type()) {
          case DIRECTORY -> options.includeDirs();
          case SYMLINK -> pending.followed ? options.includeFiles() : options.includeSymlinks();
          default -> options.includeFiles();
        };
    return kind
        && (options.extensions().isEmpty()
            || options.extensions().stream().anyMatch(found.path()::endsWith))
        && (options.match().isEmpty() || matches(options.match(), found.path()))
        && !matches(options.skip(), found.path());
  }

  private static boolean matches(List<Pattern> patterns, String path) {
    return patterns.stream().anyMatch(pattern -> pattern.matcher(new BoundedText(path)).find());
  }

  /** How many names a path has. */
  private static int depth(String path) {
    return (int) Stream.of(path.split("/", -1)).filter(name -> !name.isEmpty()).count();
  }

  private record Pending(WalkEntry entry, int depth, int links, boolean followed) {}

  /** Ends a match that would try for ever: patterns may come from somebody nobody trusts. */
  private static final class BoundedText implements CharSequence {
    private static final int STEPS = 5_000_000;

    private final String text;
    private int steps;

    BoundedText(String text) {
      this.text = text;
    }

    @Override
    public char charAt(int index) {
      if (++steps > STEPS) {
        throw new InvalidOptionException("A pattern takes too long to match '" + text + "'.");
      }
      return text.charAt(index);
    }

    @Override
    public int length() {
      return text.length();
    }

    @Override
    public CharSequence subSequence(int start, int end) {
      return text.subSequence(start, end);
    }

    @Override
    public String toString() {
      return text;
    }
  }
}
