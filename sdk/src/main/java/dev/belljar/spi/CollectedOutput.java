package dev.belljar.spi;

import dev.belljar.BelljarException;
import dev.belljar.ByteSize;
import dev.belljar.ChildProcess;
import dev.belljar.ChildProcessOutput;
import dev.belljar.OutputTooLargeException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;

/**
 * All that a process prints, in memory. Each stream is read on a thread of its own, so that neither
 * waits for the other.
 */
public final class CollectedOutput {
  /** Of each stream; a program that prints without end must not take the heap. */
  private static final int LIMIT =
      (int) Math.min(256L << 20, Runtime.getRuntime().maxMemory() / 16);

  private static final byte[] NOTHING = {};

  private final ChildProcess process;
  private final Future<byte[]> stdout;
  private final Future<byte[]> stderr;

  /** Begins to read; a stream that is not there is taken for empty. */
  public CollectedOutput(
      ChildProcess process, Optional<InputStream> stdout, Optional<InputStream> stderr) {
    this.process = process;
    this.stderr = collect(stderr, "stderr");
    this.stdout = collect(stdout, "stdout");
  }

  /** Blocks until both streams and the process have ended; may be asked again. */
  public ChildProcessOutput await() {
    byte[] output = await(stdout);
    byte[] errors = await(stderr);
    return new ChildProcessOutput(process.status(), output, errors);
  }

  private Future<byte[]> collect(Optional<InputStream> stream, String name) {
    FutureTask<byte[]> task =
        new FutureTask<>(() -> stream.isPresent() ? all(stream.get(), name) : NOTHING);
    Thread.ofVirtual().name("output of " + process.pid()).start(task);
    return task;
  }

  private byte[] all(InputStream input, String name) throws IOException {
    byte[] bytes = input.readNBytes(LIMIT);
    if (bytes.length == LIMIT && input.read() >= 0) {
      process.close();
      throw new OutputTooLargeException(
          "Process "
              + process.pid()
              + " printed more than "
              + new ByteSize(LIMIT)
              + " and was killed. Read "
              + name
              + "() as a stream, or write to a file.");
    }
    return bytes;
  }

  private byte[] await(Future<byte[]> task) {
    try {
      return task.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BelljarException("Interrupted while waiting for process " + process.pid() + ".", e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof BelljarException known) {
        throw known;
      }
      // Where the sandbox ended, this says so better.
      process.status();
      throw new BelljarException("The output of process " + process.pid() + " ended early.", e);
    }
  }
}
