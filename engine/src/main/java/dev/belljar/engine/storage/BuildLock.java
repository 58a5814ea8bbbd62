package dev.belljar.engine.storage;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Lets one thread of one process on this host build a thing; the others wait and find it built. The
 * kernel gives the lock back when its process dies.
 */
public final class BuildLock implements AutoCloseable {
  /** By {@link FileIdentity}: two threads that spell it differently wait for each other. */
  private static final Map<Object, ReentrantLock> IN_THIS_PROCESS = new ConcurrentHashMap<>();

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
   */
  public static BuildLock acquire(Path file) throws IOException {
    return acquire(file, () -> {});
  }

  /** As {@link #acquire(Path)}; {@code waiting} is run first if somebody else has the lock. */
  public static BuildLock acquire(Path file, Runnable waiting) throws IOException {
    make(file);
    ReentrantLock local =
        IN_THIS_PROCESS.computeIfAbsent(FileIdentity.of(file), key -> new ReentrantLock());
    try {
      local.lockInterruptibly();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new java.io.InterruptedIOException("Interrupted while waiting for another build.");
    }
    try {
      FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE);
      try {
        if (channel.tryLock() == null) {
          waiting.run();
          channel.lock();
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
