package dev.belljar.engine.storage;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Lets one thread of one process on this host build a thing; the others wait and find it built. The
 * kernel gives the lock back when its process dies.
 */
public final class BuildLock implements AutoCloseable {
  /** By {@link FileIdentity}: two threads that spell it differently wait for each other. */
  private static final Map<Object, ReentrantLock> IN_THIS_PROCESS = new ConcurrentHashMap<>();

  private static final long SHORTEST_PAUSE = 1;
  private static final long LONGEST_PAUSE = 20;

  private final ReentrantLock local;
  private final FileChannel channel;

  private BuildLock(ReentrantLock local, FileChannel channel) {
    this.local = local;
    this.channel = channel;
  }

  /**
   * Blocks until the lock is taken.
   *
   * @param file made if missing, and left
   * @param limit how long to wait at most: who has the lock may stand still
   * @throws IOException when that is over; the message says which process has the lock
   */
  public static BuildLock acquire(Path file, Duration limit) throws IOException {
    return acquire(file, limit, () -> {});
  }

  /**
   * As {@link #acquire(Path, Duration)}; {@code waiting} is run first if another process has it.
   */
  public static BuildLock acquire(Path file, Duration limit, Runnable waiting) throws IOException {
    make(file);
    long deadline = System.nanoTime() + limit.toNanos();
    ReentrantLock local =
        IN_THIS_PROCESS.computeIfAbsent(FileIdentity.of(file), key -> new ReentrantLock());
    try {
      if (!local.tryLock(limit.toNanos(), TimeUnit.NANOSECONDS)) {
        throw held(file, limit, ProcessHandle.current().pid());
      }
    } catch (InterruptedException e) {
      throw interrupted(file);
    }
    try {
      FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE);
      try {
        if (channel.tryLock() == null) {
          waiting.run();
          await(channel, file, limit, deadline);
        }
        return new BuildLock(local, channel);
      } catch (IOException | RuntimeException e) {
        channel.close();
        throw e;
      }
    } catch (IOException | RuntimeException e) {
      local.unlock();
      throw e;
    }
  }

  private static void await(FileChannel channel, Path file, Duration limit, long deadline)
      throws IOException {
    long pause = SHORTEST_PAUSE;
    do {
      if (System.nanoTime() >= deadline) {
        throw held(file, limit, holder(file));
      }
      try {
        Thread.sleep(pause);
      } catch (InterruptedException e) {
        throw interrupted(file);
      }
      pause = Math.min(2 * pause, LONGEST_PAUSE);
    } while (channel.tryLock() == null);
  }

  private static IOException held(Path file, Duration limit, long pid) {
    return new IOException(
        "%s has been locked for more than %d s by process %s. End that process if it stands still."
            .formatted(file, limit.toSeconds(), pid == 0 ? "of an unknown number" : pid));
  }

  private static IOException interrupted(Path file) {
    Thread.currentThread().interrupt();
    return new InterruptedIOException("Interrupted while waiting for " + file + ".");
  }

  /** As the kernel tells (proc_locks(5)); 0 if it does not. */
  private static long holder(Path file) throws IOException {
    Pattern holding =
        Pattern.compile(" POSIX .* ([0-9]+) \\S+:" + Files.getAttribute(file, "unix:ino") + " ");
    return Files.readAllLines(Path.of("/proc/locks")).stream()
        .filter(line -> !line.contains("->")) // Those wait.
        .map(holding::matcher)
        .filter(Matcher::find)
        .map(found -> Long.parseLong(found.group(1)))
        .findFirst()
        .orElse(0L);
  }

  /** Does not open one that is there: this process may hold its lock. */
  private static void make(Path file) throws IOException {
    if (!Files.exists(file)) {
      try {
        Files.createFile(file);
      } catch (FileAlreadyExistsException e) {
        // Somebody else was faster.
      }
    }
  }

  @Override
  public void close() throws IOException {
    try {
      channel.close();
    } finally {
      local.unlock();
    }
  }
}
