package dev.belljar.engine.storage;

import java.io.IOException;
import java.nio.channels.FileChannel;
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
  private static final Map<Path, ReentrantLock> IN_THIS_PROCESS = new ConcurrentHashMap<>();

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
    ReentrantLock local = IN_THIS_PROCESS.computeIfAbsent(file, key -> new ReentrantLock());
    try {
      local.lockInterruptibly();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new java.io.InterruptedIOException("Interrupted while waiting for another build.");
    }
    try {
      FileChannel channel =
          FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
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

  @Override
  public void close() throws IOException {
    try {
      channel.close();
    } finally {
      local.unlock();
    }
  }
}
