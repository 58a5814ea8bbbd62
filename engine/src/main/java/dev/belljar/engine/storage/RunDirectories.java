package dev.belljar.engine.storage;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The files of the sandboxes that this process runs. The process holds a lock beside them for as
 * long as it lives; whoever starts next finds the lock free where a process was killed, and clears
 * what it left: its directory, and its control groups.
 */
public final class RunDirectories implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(RunDirectories.class);

  /** For another process that clears what dead ones left, seconds for each. */
  private static final Duration LONGEST_WAIT = Duration.ofMinutes(2);

  private static final String LOCK_SUFFIX = ".lock";
  private static final String GROUPS_SUFFIX = ".groups";
  private static final int GROUPS_MILLIS = 500;

  /** By {@link FileIdentity}. */
  private static final Set<Object> OWN_LOCKS = ConcurrentHashMap.newKeySet();

  private final Path own;
  private final Path lockFile;
  private final Object identity;
  private final FileChannel lock;
  private final SecureRandom random = new SecureRandom();

  private RunDirectories(Path own, Path lockFile, Object identity, FileChannel lock) {
    this.own = own;
    this.lockFile = lockFile;
    this.identity = identity;
    this.lock = lock;
  }

  /** Clears what dead processes left, and makes a directory for this one. */
  public static RunDirectories open(Directories directories) throws IOException {
    Path run = directories.make(directories.run());
    // One at a time, so that a directory without its lock yet is not taken for a dead one's.
    try (BuildLock alone =
        BuildLock.acquire(directories.cache().resolve("run.lock"), LONGEST_WAIT)) {
      sweep(run);
      String name = HexFormat.of().toHexDigits(new SecureRandom().nextInt());
      Path lockFile = run.resolve(name + LOCK_SUFFIX);
      Files.createFile(lockFile);
      Object identity = FileIdentity.of(lockFile);
      FileChannel lock = FileChannel.open(lockFile, StandardOpenOption.WRITE);
      try {
        lock.lock();
        OWN_LOCKS.add(identity);
        Path own = directories.make(run.resolve(name));
        return new RunDirectories(own, lockFile, identity, lock);
      } catch (IOException | RuntimeException e) {
        lock.close();
        OWN_LOCKS.remove(identity);
        Files.deleteIfExists(lockFile);
        throw e;
      }
    }
  }

  /** A new directory, for the owner alone. Whoever asks for it deletes it. */
  public Path create() throws IOException {
    while (true) {
      Path directory = own.resolve(HexFormat.of().toHexDigits(random.nextInt()));
      if (!Files.exists(directory)) {
        return Files.createDirectory(
            directory,
            java.nio.file.attribute.PosixFilePermissions.asFileAttribute(
                java.nio.file.attribute.PosixFilePermissions.fromString("rwx------")));
      }
    }
  }

  /** What the names of control groups that this process makes begin with. */
  public String groupPrefix() {
    return groupPrefix(String.valueOf(own.getFileName()));
  }

  private static String groupPrefix(String name) {
    return "belljar-" + name + "-";
  }

  /**
   * Notes the directories in which this process makes control groups, so that they are cleared when
   * it is gone.
   */
  public void clearAlso(List<Path> parents) throws IOException {
    Files.write(
        own.resolveSibling(own.getFileName() + GROUPS_SUFFIX),
        parents.stream().map(Path::toString).toList());
  }

  /** Removes what is left and gives the lock back. */
  @Override
  public void close() throws IOException {
    // A machine that was being started when this process was told to end has no other owner.
    LeftProcesses.end(own);
    FileTree.delete(own);
    // A machine that was killed is on its way out. What takes longer is left to the next start.
    long deadline = System.nanoTime() + GROUPS_MILLIS * 1_000_000L;
    boolean cleared = groupsCleared(own);
    while (!cleared && System.nanoTime() < deadline) {
      LockSupport.parkNanos(10_000_000);
      cleared = groupsCleared(own);
    }
    if (cleared) {
      Files.deleteIfExists(lockFile);
    }
    lock.close();
    OWN_LOCKS.remove(identity);
  }

  /** Removes the control groups of a process; not all where a process is left in one. */
  private static boolean groupsCleared(Path directory) throws IOException {
    Path note = directory.resolveSibling(directory.getFileName() + GROUPS_SUFFIX);
    if (!Files.exists(note)) {
      return true;
    }
    boolean all = true;
    String pattern = groupPrefix(String.valueOf(directory.getFileName())) + "*";
    for (String parent : Files.readAllLines(note)) {
      if (!Files.isDirectory(Path.of(parent))) {
        continue;
      }
      try (DirectoryStream<Path> groups = Files.newDirectoryStream(Path.of(parent), pattern)) {
        for (Path group : groups) {
          all &= removed(group);
        }
      }
    }
    if (all) {
      Files.deleteIfExists(note);
    }
    return all;
  }

  private static boolean removed(Path group) {
    try {
      Files.deleteIfExists(group);
      return true;
    } catch (IOException e) {
      return false; // A process is left in it.
    }
  }

  private static void sweep(Path run) throws IOException {
    try (DirectoryStream<Path> locks = Files.newDirectoryStream(run, "*" + LOCK_SUFFIX)) {
      for (Path file : locks) {
        // Closing any descriptor of a file gives up the process's locks on it (fcntl(2)), so our
        // own are not even opened.
        if (!isOwn(file)) {
          sweepIfDead(run, file);
        }
      }
    }
    sweepWithoutLock(run);
  }

  /** Whether it is this process's, or gone by now: whoever ends removes its own. */
  private static boolean isOwn(Path file) throws IOException {
    try {
      return OWN_LOCKS.contains(FileIdentity.of(file));
    } catch (NoSuchFileException e) {
      return true;
    }
  }

  /**
   * A directory is made after its lock and removed before it. One that has none is what a power cut
   * left of the two.
   */
  private static void sweepWithoutLock(Path run) throws IOException {
    try (DirectoryStream<Path> directories =
        Files.newDirectoryStream(
            run, entry -> Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS))) {
      for (Path directory : directories) {
        if (!Files.exists(directory.resolveSibling(directory.getFileName() + LOCK_SUFFIX))) {
          try {
            FileTree.delete(directory);
          } catch (IOException e) {
            LOG.warn("Cannot clear {}: {}. Remove it by hand.", directory, e.getMessage());
          }
        }
      }
    }
  }

  private static void sweepIfDead(Path run, Path file) {
    String name = String.valueOf(file.getFileName());
    Path directory = run.resolve(name.substring(0, name.length() - LOCK_SUFFIX.length()));
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE);
        FileLock held = channel.tryLock()) {
      if (held != null) {
        LOG.info("Clearing what a process that was killed left in {}", directory);
        LeftProcesses.end(directory);
        FileTree.delete(directory);
        if (groupsCleared(directory)) {
          Files.deleteIfExists(file);
        }
      }
    } catch (OverlappingFileLockException e) {
      // It is this very process's.
    } catch (IOException e) {
      LOG.warn("Cannot clear {}: {}. Remove it by hand.", directory, e.getMessage());
    }
  }
}
