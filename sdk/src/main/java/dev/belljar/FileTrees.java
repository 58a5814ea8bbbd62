package dev.belljar;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
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

  private FileTrees() {}

  static Stream<WalkEntry> walk(SandboxFs fs, String root, WalkOptions options) {
    FileInfo info = fs.lstat(root);
    String name = root.substring(root.lastIndexOf('/') + 1);
    Deque<Pending> pending = new ArrayDeque<>();
    pending.push(new Pending(new WalkEntry(root, new DirEntry(name, info.type())), 0));
    var entries =
        new AbstractSpliterator<WalkEntry>(
            Long.MAX_VALUE, Spliterator.ORDERED | Spliterator.NONNULL) {
          @Override
          public boolean tryAdvance(Consumer<? super WalkEntry> action) {
            while (!pending.isEmpty()) {
              Pending next = pending.pop();
              if (next.entry.entry().isDirectory()
                  && next.depth < Math.min(options.maxDepth(), MAX_DEPTH)) {
                for (WalkEntry child : children(fs, next.entry.path()).reversed()) {
                  pending.push(new Pending(child, next.depth + 1));
                }
              }
              if (wanted(next.entry.entry(), options)) {
                action.accept(next.entry);
                return true;
              }
            }
            return false;
          }
        };
    return StreamSupport.stream(entries, false);
  }

  static Stream<WalkEntry> expandGlob(SandboxFs fs, String glob) {
    Pattern pattern = GlobPattern.compile(glob);
    String directory = GlobPattern.literalPrefix(glob);
    if (directory.equals(glob)) {
      return fs.exists(glob) ? walk(fs, glob, WalkOptions.ALL.withMaxDepth(0)) : Stream.empty();
    }
    String root = directory.isEmpty() ? "." : directory;
    if (!fs.exists(root)) {
      return Stream.empty();
    }
    int depth = glob.contains("**") ? Integer.MAX_VALUE : depth(glob) - depth(directory);
    return walk(fs, root, WalkOptions.ALL.withMaxDepth(depth))
        .map(found -> directory.isEmpty() ? relative(found) : found)
        .filter(found -> pattern.matcher(found.path()).matches());
  }

  static void upload(SandboxFs fs, Path local, String path) throws IOException {
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
              fs.symlink(Files.readSymbolicLink(file).toString(), target(file));
            } else if (attributes.isRegularFile()) {
              uploadFile(fs, file, target(file));
            }
            return FileVisitResult.CONTINUE;
          }

          private String target(Path file) {
            String relative = local.relativize(file).toString();
            return relative.isEmpty() ? path : path + "/" + relative;
          }
        });
  }

  static void download(SandboxFs fs, String path, Path local) throws IOException {
    FileInfo info = fs.stat(path);
    if (!info.isDirectory()) {
      downloadFile(fs, path, info.mode(), local);
      return;
    }
    downloadDirectory(fs, path, local, 0);
  }

  private static void downloadDirectory(SandboxFs fs, String path, Path local, int depth)
      throws IOException {
    if (depth > MAX_DEPTH) {
      throw new IOException("The sandbox's directory " + path + " is nested too deep to copy.");
    }
    Files.createDirectories(local);
    for (WalkEntry child : children(fs, path)) {
      String name = child.entry().name();
      if (name.isEmpty()
          || name.equals(".")
          || name.equals("..")
          || name.indexOf('/') >= 0
          || name.indexOf('\0') >= 0) {
        throw new IOException(
            "The sandbox's directory " + path + " has an entry that no file can be called.");
      }
      Path target = local.resolve(name);
      if (child.entry().isDirectory()) {
        if (Files.isSymbolicLink(target)) {
          throw new IOException(
              target + " is a symbolic link; copying through it could lead elsewhere.");
        }
        downloadDirectory(fs, child.path(), target, depth + 1);
      } else if (child.entry().isFile()) {
        downloadFile(fs, child.path(), fs.lstat(child.path()).mode(), target);
      }
    }
  }

  private static void downloadFile(SandboxFs fs, String path, int mode, Path local)
      throws IOException {
    try (InputStream in = fs.newInputStream(path);
        OutputStream out =
            Files.newOutputStream(
                local,
                StandardOpenOption.CREATE,
                StandardOpenOption.TRUNCATE_EXISTING,
                StandardOpenOption.WRITE,
                LinkOption.NOFOLLOW_LINKS)) {
      in.transferTo(out);
    }
    if ((mode & 0100) != 0) {
      Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(local);
      permissions.add(PosixFilePermission.OWNER_EXECUTE);
      Files.setPosixFilePermissions(local, permissions);
    }
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

  private static List<WalkEntry> children(SandboxFs fs, String directory) {
    String prefix = directory.endsWith("/") ? directory : directory + "/";
    try (Stream<DirEntry> entries = fs.readDir(directory)) {
      List<WalkEntry> children = new ArrayList<>();
      entries.forEach(entry -> children.add(new WalkEntry(prefix + entry.name(), entry)));
      children.sort(Comparator.comparing(WalkEntry::path));
      return children;
    }
  }

  private static boolean wanted(DirEntry entry, WalkOptions options) {
    return switch (entry.type()) {
      case DIRECTORY -> options.includeDirs();
      case SYMLINK -> options.includeSymlinks();
      default -> options.includeFiles();
    };
  }

  /** How many names a path has. */
  private static int depth(String path) {
    return (int) Stream.of(path.split("/", -1)).filter(name -> !name.isEmpty()).count();
  }

  private static WalkEntry relative(WalkEntry found) {
    return found.path().startsWith("./")
        ? new WalkEntry(found.path().substring(2), found.entry())
        : found;
  }

  private record Pending(WalkEntry entry, int depth) {}
}
