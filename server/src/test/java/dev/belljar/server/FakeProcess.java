package dev.belljar.server;

import dev.belljar.ChildProcess;
import dev.belljar.ChildProcessOutput;
import dev.belljar.ChildProcessStatus;
import dev.belljar.ProcessEndedException;
import dev.belljar.Signal;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A process that does what its name says: {@code true} ends, {@code sleep} does not, {@code zeros}
 * prints as many as its argument says, {@code yes} without end, {@code cat} repeats its input,
 * {@code devour} swallows it, {@code deaf} does not read it.
 */
final class FakeProcess implements ChildProcess {
  private static final int PIPE = 64 << 10;

  private final int pid;
  private final String command;
  private final CompletableFuture<ChildProcessStatus> status = new CompletableFuture<>();
  private final AtomicLong printed = new AtomicLong();
  private final AtomicLong read = new AtomicLong();
  private final long toPrint;

  // The pipe of cat; guarded by this.
  private final byte[] pipe = new byte[PIPE];
  private int filled;
  private boolean inputOver;

  FakeProcess(int pid, String command, List<String> args) {
    this.pid = pid;
    this.command = command;
    toPrint =
        switch (command) {
          case "zeros" -> Long.parseLong(args.getFirst());
          case "yes" -> Long.MAX_VALUE;
          default -> 0;
        };
    if (command.equals("true") || command.equals("zeros")) {
      end(0, Optional.empty());
    }
  }

  /** Bytes that somebody took of its output. */
  long printed() {
    return printed.get();
  }

  /** Bytes that it read of its input. */
  long read() {
    return read.get();
  }

  private synchronized void end(int code, Optional<Signal> signal) {
    status.complete(
        new ChildProcessStatus(code == 0, code, signal, ChildProcessStatus.OutOfMemory.NO));
    notifyAll();
  }

  @Override
  public int pid() {
    return pid;
  }

  @Override
  public OutputStream stdin() {
    return new OutputStream() {
      @Override
      public void write(int b) throws IOException {
        write(new byte[] {(byte) b}, 0, 1);
      }

      @Override
      public void write(byte[] bytes, int offset, int length) throws IOException {
        synchronized (FakeProcess.this) {
          int at = offset;
          while (at < offset + length) {
            if (status.isDone()) {
              throw new IOException("Broken pipe");
            }
            if (command.equals("deaf") || (command.equals("cat") && filled == PIPE)) {
              await();
              continue;
            }
            int part =
                command.equals("cat")
                    ? Math.min(PIPE - filled, offset + length - at)
                    : offset + length - at;
            if (command.equals("cat")) {
              System.arraycopy(bytes, at, pipe, filled, part);
              filled += part;
            }
            read.addAndGet(part);
            at += part;
            FakeProcess.this.notifyAll();
          }
        }
      }

      @Override
      public void close() {
        synchronized (FakeProcess.this) {
          inputOver = true;
          FakeProcess.this.notifyAll();
          if (command.equals("devour") || command.equals("cat")) {
            end(0, Optional.empty());
          }
        }
      }
    };
  }

  @SuppressWarnings("WaitNotInLoop") // every caller loops on what it waits for
  private void await() throws IOException {
    try {
      wait();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new java.io.InterruptedIOException();
    }
  }

  @Override
  public InputStream stdout() {
    return new InputStream() {
      @Override
      public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
      }

      @Override
      public int read(byte[] target, int offset, int length) throws IOException {
        if (toPrint > 0) {
          if (command.equals("yes") && status.isDone()) {
            return -1;
          }
          int part = (int) Math.min(length, toPrint - printed.get());
          java.util.Arrays.fill(target, offset, offset + part, (byte) 'y');
          printed.addAndGet(part);
          return part == 0 ? -1 : part;
        }
        synchronized (FakeProcess.this) {
          while (filled == 0) {
            if (status.isDone() || inputOver) {
              return -1;
            }
            await();
          }
          int part = Math.min(length, filled);
          System.arraycopy(pipe, 0, target, offset, part);
          System.arraycopy(pipe, part, pipe, 0, filled - part);
          filled -= part;
          printed.addAndGet(part);
          FakeProcess.this.notifyAll();
          return part;
        }
      }
    };
  }

  @Override
  public InputStream stderr() {
    return InputStream.nullInputStream();
  }

  @Override
  public ChildProcessStatus status() {
    try {
      return status.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new dev.belljar.BelljarException("Interrupted.");
    } catch (ExecutionException e) {
      throw new AssertionError(e);
    }
  }

  @Override
  public CompletableFuture<ChildProcessStatus> statusFuture() {
    return status.copy();
  }

  @Override
  public ChildProcessOutput output() {
    throw new UnsupportedOperationException();
  }

  @Override
  public void kill(Signal signal) {
    if (status.isDone()) {
      throw new ProcessEndedException("It has ended.");
    }
    end(128 + 15, Optional.of(signal));
  }

  @Override
  public void resize(int rows, int columns) {
    throw new IllegalStateException("It has no terminal.");
  }

  @Override
  public void close() {
    if (!status.isDone()) {
      end(137, Optional.of(Signal.SIGKILL));
    }
  }
}
