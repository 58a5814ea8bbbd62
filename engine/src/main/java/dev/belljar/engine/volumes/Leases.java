package dev.belljar.engine.volumes;

import dev.belljar.engine.storage.FileIdentity;
import dev.belljar.engine.storage.FileTree;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Who uses what, in all processes of this host: a directory for each process that uses something,
 * with a lock beside it that the process holds for as long as it lives, and a file in it for each
 * use. Whoever looks holds the store's lock.
 */
final class Leases implements AutoCloseable {
  static final String LOCK_SUFFIX = ".lock";

  /** By {@link FileIdentity}. */
  private static final Set<Object> OWN_LOCKS = ConcurrentHashMap.newKeySet();

  private final Path directory;
  private final UncleanEnds ends;
  private final Path own;
  private final Path lockFile;
  private final Object identity;
  private final FileChannel lock;
  private final SecureRandom random = new SecureRandom();
  private boolean foundDead;

  private Leases(
      Path directory,
      UncleanEnds ends,
      Path own,
      Path lockFile,
      Object identity,
      FileChannel lock) {
    this.directory = directory;
    this.ends = ends;
    this.own = own;
    this.lockFile = lockFile;
    this.identity = identity;
    this.lock = lock;
  }

  /**
   * A use.
   *
   * @param disk the id of the volume or snapshot
   * @param holder the sandbox that uses it
   * @param layers what that sandbox's machine opens; also an image that is to be kept
   */
  record Lease(String disk, String holder, List<String> layers) {}

  /**
   * The leases of this process and of others.
   *
   * @param ends what is told of those that dead processes had
   */
  static Leases open(Path directory, UncleanEnds ends) throws IOException {
    Files.createDirectories(directory);
    while (true) {
      String name = HexFormat.of().toHexDigits(new SecureRandom().nextInt());
      Path lockFile = directory.resolve(name + LOCK_SUFFIX);
      if (Files.exists(lockFile)) {
        continue;
      }
      Files.createFile(lockFile);
      Object identity = FileIdentity.of(lockFile);
      FileChannel lock = FileChannel.open(lockFile, StandardOpenOption.WRITE);
      try {
        lock.lock();
        OWN_LOCKS.add(identity);
        Path own = Files.createDirectory(directory.resolve(name));
        return new Leases(directory, ends, own, lockFile, identity, lock);
      } catch (IOException | RuntimeException e) {
        lock.close();
        OWN_LOCKS.remove(identity);
        throw e;
      }
    }
  }

  /** Notes a use; {@link #release} takes the path. */
  Path add(Lease lease) throws IOException {
    Path file = own.resolve(HexFormat.of().toHexDigits(random.nextLong()));
    List<String> lines = new ArrayList<>(List.of(lease.disk, lease.holder));
    lines.addAll(lease.layers);
    Files.write(file, lines, StandardOpenOption.CREATE_NEW);
    return file;
  }

  /** Whether a dead process was found since this was last asked; under the store's lock. */
  boolean foundDead() {
    boolean found = foundDead;
    foundDead = false;
    return found;
  }

  void release(Path lease) throws IOException {
    Files.deleteIfExists(lease);
  }

  /** Whether this process uses that disk. */
  boolean uses(String disk) throws IOException {
    List<Lease> leases = new ArrayList<>();
    read(own, leases);
    return leases.stream().anyMatch(lease -> lease.disk().equals(disk));
  }

  /** Those of processes that live. What dead ones left is removed. */
  List<Lease> all() throws IOException {
    List<Lease> leases = new ArrayList<>();
    try (DirectoryStream<Path> locks = Files.newDirectoryStream(directory, "*" + LOCK_SUFFIX)) {
      for (Path file : locks) {
        String name = String.valueOf(file.getFileName());
        Path uses = directory.resolve(name.substring(0, name.length() - LOCK_SUFFIX.length()));
        if (isAlive(file)) {
          read(uses, leases);
        } else {
          List<Lease> left = new ArrayList<>();
          read(uses, left);
          for (Lease lease : left) {
            ends.note(lease);
          }
          FileTree.delete(uses);
          Files.deleteIfExists(file);
          foundDead = true;
        }
      }
    }
    return leases;
  }

  /** Closing any descriptor of a file gives up the process's locks on it (fcntl(2)). */
  private static boolean isAlive(Path file) throws IOException {
    if (OWN_LOCKS.contains(FileIdentity.of(file))) {
      return true;
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE);
        FileLock held = channel.tryLock()) {
      return held == null;
    } catch (OverlappingFileLockException e) {
      return true;
    }
  }

  private static void read(Path uses, List<Lease> leases) throws IOException {
    if (!Files.isDirectory(uses)) {
      return;
    }
    try (DirectoryStream<Path> files = Files.newDirectoryStream(uses)) {
      for (Path file : files) {
        List<String> lines = Files.readAllLines(file);
        if (lines.size() >= 2) {
          leases.add(
              new Lease(lines.get(0), lines.get(1), List.copyOf(lines.subList(2, lines.size()))));
        }
      }
    }
  }

  /** Gives up all uses of this process. */
  @Override
  public void close() throws IOException {
    FileTree.delete(own);
    Files.deleteIfExists(lockFile);
    lock.close();
    OWN_LOCKS.remove(identity);
  }
}
