package dev.belljar.engine;

import dev.belljar.BelljarException;
import dev.belljar.FileInfo;
import dev.belljar.FileSystemOperationException;
import dev.belljar.FileType;
import dev.belljar.FsFile;
import dev.belljar.SandboxClosedException;
import dev.belljar.engine.agent.AgentErrorException;
import dev.belljar.engine.agent.AgentFiles;
import java.io.IOException;
import java.time.Instant;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;

/** An open file of a machine of this host. */
final class LocalFsFile implements FsFile {
  private static final int EBADF = 9;
  private static final int EAGAIN = 11;

  /**
   * How long to wait before a lock that is held elsewhere is asked for again; the agent itself
   * never waits.
   */
  private static final long LOCK_RETRY_MILLIS = 20;

  private final LocalSandbox sandbox;
  private final AgentFiles files;
  private final int uid;
  private final int handle;
  private final AtomicBoolean closed = new AtomicBoolean();

  /** What several threads read at once are parts that hang together. */
  private final ReentrantLock reading = new ReentrantLock();

  private volatile Optional<Boolean> regular = Optional.empty();

  LocalFsFile(LocalSandbox sandbox, AgentFiles files, int uid, int handle) {
    this.sandbox = sandbox;
    this.files = files;
    this.uid = uid;
    this.handle = handle;
  }

  @Override
  public int read(byte[] buffer, int offset, int length) {
    Objects.checkFromIndexSize(offset, length, buffer.length);
    if (length == 0) {
      return 0;
    }
    if (length <= AgentFiles.CHUNK || !isRegular()) {
      return readOnce(buffer, offset, length);
    }
    reading.lock();
    try {
      return readFully(buffer, offset, length);
    } finally {
      reading.unlock();
    }
  }

  /** All that was asked for, as the kernel gives it of a regular file; less at its end. */
  private int readFully(byte[] buffer, int offset, int length) {
    int total = readOnce(buffer, offset, length);
    int last = total;
    while (last == AgentFiles.CHUNK && total < length) {
      try {
        last = readOnce(buffer, offset + total, length - total);
      } catch (FileSystemOperationException e) {
        // What was read is the caller's; the next read says it.
        break;
      }
      total += Math.max(last, 0);
    }
    return total;
  }

  private int readOnce(byte[] buffer, int offset, int length) {
    return asked(() -> files.read(uid, handle, buffer, offset, length));
  }

  /** Others have no more than they give at once: who waits for more may wait for ever. */
  private boolean isRegular() {
    Optional<Boolean> known = regular;
    if (known.isEmpty()) {
      known = Optional.of(stat().type() == FileType.FILE);
      regular = known;
    }
    return known.get();
  }

  @Override
  public void write(byte[] buffer, int offset, int length) {
    Objects.checkFromIndexSize(offset, length, buffer.length);
    does(() -> files.write(uid, handle, buffer, offset, length));
  }

  @Override
  public long seek(long offset, SeekMode from) {
    int whence =
        switch (from) {
          case START -> 0;
          case CURRENT -> 1;
          case END -> 2;
        };
    return asked(() -> files.seek(uid, handle, offset, whence));
  }

  @Override
  public FileInfo stat() {
    return LocalFs.info(asked(() -> files.stat(uid, handle)));
  }

  @Override
  public void truncate(long size) {
    LocalFs.checkSize(size);
    does(() -> files.truncate(uid, handle, size));
  }

  @Override
  public void sync() {
    does(() -> files.sync(uid, handle, false));
  }

  @Override
  public void syncData() {
    does(() -> files.sync(uid, handle, true));
  }

  @Override
  public void utime(Instant access, Instant modification) {
    does(() -> files.setTimes(uid, handle, LocalFs.nanos(access), LocalFs.nanos(modification)));
  }

  @Override
  public void lock(boolean exclusive) {
    while (true) {
      try {
        does(() -> files.lock(uid, handle, exclusive));
        return;
      } catch (FileSystemOperationException e) {
        if (e.errno() != EAGAIN) {
          throw e;
        }
      }
      try {
        Thread.sleep(LOCK_RETRY_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new BelljarException("Interrupted while waiting for a lock.", e);
      }
    }
  }

  @Override
  public void unlock() {
    does(() -> files.unlock(uid, handle));
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      Interruption.postpone(this::release);
    }
  }

  private void release() {
    try {
      sandbox.givesBack(
          () -> {
            files.close(uid, handle);
            return handle;
          });
    } catch (SandboxClosedException e) {
      // It was closed with the sandbox.
    }
  }

  private <T> T asked(LocalSandbox.Question<T> question) {
    if (closed.get()) {
      throw FileSystemOperationException.of(EBADF, "the file is closed");
    }
    return sandbox.asked(question);
  }

  private void does(Action action) {
    asked(
        () -> {
          action.run();
          return action;
        });
  }

  private interface Action {
    void run() throws IOException, AgentErrorException;
  }
}
