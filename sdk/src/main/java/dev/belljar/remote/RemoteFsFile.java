package dev.belljar.remote;

import dev.belljar.BelljarException;
import dev.belljar.FileInfo;
import dev.belljar.FileSystemOperationException;
import dev.belljar.FsFile;
import dev.belljar.SandboxClosedException;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import tools.jackson.databind.node.ObjectNode;

/** An open file of a sandbox of a server. */
final class RemoteFsFile implements FsFile {
  /** Of one message. */
  static final int CHUNK = 1 << 20;

  private static final int EBADF = 9;

  /** Beyond it a number is not exact in JavaScript, and goes as text. */
  private static final long EXACT = (1L << 53) - 1;

  private final Rpc rpc;
  private final long handle;
  private final AtomicBoolean closed = new AtomicBoolean();

  RemoteFsFile(Rpc rpc, long handle) {
    this.rpc = rpc;
    this.handle = handle;
  }

  @Override
  public int read(byte[] buffer, int offset, int length) {
    Objects.checkFromIndexSize(offset, length, buffer.length);
    if (length == 0) {
      return 0;
    }
    int wanted = Math.min(length, CHUNK);
    Reply data = call("fileRead", file().put("length", wanted)).member("data");
    if (data.absent()) {
      return -1;
    }
    byte[] bytes = data.bytes();
    if (bytes.length > wanted) {
      throw new BelljarException(
          "The server sent %d bytes where %d were asked for.".formatted(bytes.length, wanted));
    }
    System.arraycopy(bytes, 0, buffer, offset, bytes.length);
    return bytes.length;
  }

  @Override
  public void write(byte[] buffer, int offset, int length) {
    Objects.checkFromIndexSize(offset, length, buffer.length);
    int from = offset;
    while (from < offset + length) {
      int part = Math.min(offset + length - from, CHUNK);
      String data =
          Base64.getEncoder().encodeToString(Arrays.copyOfRange(buffer, from, from + part));
      int written = call("fileWrite", file().put("data", data)).integer("bytesWritten");
      if (written < 1 || written > part) {
        throw new BelljarException(
            "The server wrote %d bytes where %d were given.".formatted(written, part));
      }
      from += written;
    }
  }

  @Override
  public long seek(long offset, SeekMode from) {
    int whence =
        switch (from) {
          case START -> 0;
          case CURRENT -> 1;
          case END -> 2;
        };
    ObjectNode params = file().put("whence", whence);
    if (Math.abs(offset) <= EXACT) {
      params.put("offset", offset);
    } else {
      params.put("offset", Long.toString(offset));
    }
    return call("fileSeek", params).number("position");
  }

  @Override
  public FileInfo stat() {
    return RemoteFs.info(call("fileStat", file()));
  }

  @Override
  public void truncate(long size) {
    RemoteFs.checkSize(size);
    call("fileTruncate", file().put("len", size));
  }

  @Override
  public void sync() {
    call("fileSync", file());
  }

  @Override
  public void syncData() {
    call("fileSyncData", file());
  }

  @Override
  public void utime(Instant access, Instant modification) {
    call("fileUtime", file().put("atime", access.toString()).put("mtime", modification.toString()));
  }

  @Override
  public void lock(boolean exclusive) {
    checkOpen();
    // A lock that comes after an interrupt is nobody's.
    rpc.call(
        "fileLock", file().put("exclusive", exclusive), late -> rpc.call("fileUnlock", file()));
  }

  @Override
  public void unlock() {
    call("fileUnlock", file());
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      try {
        rpc.call("fileClose", file());
      } catch (SandboxClosedException e) {
        // It was closed with the sandbox.
      }
    }
  }

  private ObjectNode file() {
    return Json.object().put("fileHandleId", handle);
  }

  private Reply call(String method, ObjectNode params) {
    checkOpen();
    return rpc.call(method, params);
  }

  private void checkOpen() {
    if (closed.get()) {
      throw FileSystemOperationException.of(EBADF, "the file is closed");
    }
  }
}
