package dev.belljar.server.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.h2.store.fs.FileBaseDefault;
import org.h2.store.fs.FilePath;
import org.h2.store.fs.async.FilePathAsync;

/**
 * The files of embedded databases, which can be held still for an instant: a copy that is made then
 * has every write up to it and none after. A copy made while they are written would have late
 * writes without earlier ones, in an order that was synced, which no disk does.
 *
 * <p>Public for H2, which makes one for each path.
 */
public final class HeldFiles extends FilePathAsync {
  private static final ReadWriteLock WRITING = new ReentrantReadWriteLock(true);

  interface Work {
    void run() throws IOException;
  }

  /** From here on all databases of this JVM that are opened use them. */
  static void install() {
    FilePath.register(new HeldFiles());
  }

  static void uninstall() {
    FilePath.register(new FilePathAsync());
  }

  static void whileHeld(Work work) throws IOException {
    WRITING.writeLock().lock();
    try {
      work.run();
    } finally {
      WRITING.writeLock().unlock();
    }
  }

  private static void write(Work work) throws IOException {
    WRITING.readLock().lock();
    try {
      work.run();
    } finally {
      WRITING.readLock().unlock();
    }
  }

  @Override
  public FileChannel open(String mode) throws IOException {
    return new Held(super.open(mode));
  }

  private static final class Held extends FileBaseDefault {
    private final FileChannel file;

    Held(FileChannel file) {
      this.file = file;
    }

    @Override
    public synchronized int read(ByteBuffer to, long position) throws IOException {
      return file.read(to, position);
    }

    @Override
    public synchronized int write(ByteBuffer from, long position) throws IOException {
      int length = from.remaining();
      HeldFiles.write(
          () -> {
            long at = position;
            while (from.hasRemaining()) {
              at += file.write(from, at);
            }
          });
      return length;
    }

    @Override
    protected void implTruncate(long size) throws IOException {
      HeldFiles.write(() -> file.truncate(size));
    }

    @Override
    public long size() throws IOException {
      return file.size();
    }

    @Override
    public void force(boolean metaData) throws IOException {
      file.force(metaData);
    }

    @Override
    public FileLock tryLock(long position, long size, boolean shared) throws IOException {
      return file.tryLock(position, size, shared);
    }

    @Override
    protected void implCloseChannel() throws IOException {
      file.close();
    }
  }
}
