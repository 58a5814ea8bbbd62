package dev.belljar.engine;

import dev.belljar.BelljarException;
import dev.belljar.ByteSize;
import dev.belljar.ChildProcess;
import dev.belljar.ChildProcessOutput;
import dev.belljar.ChildProcessStatus;
import dev.belljar.ChildProcessStatus.OutOfMemory;
import dev.belljar.FileSystemOperationException;
import dev.belljar.OutputTooLargeException;
import dev.belljar.ProcessEndedException;
import dev.belljar.Signal;
import dev.belljar.SpawnOptions;
import dev.belljar.SpawnOptions.Stdio;
import dev.belljar.engine.agent.AgentConnection.ProcessExit;
import dev.belljar.engine.agent.AgentProcess;
import dev.belljar.engine.agent.AgentStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;

/** A process in a machine of this host. */
final class LocalChildProcess implements ChildProcess {
  private static final int ESRCH = 3;

  /** Of each stream; a program that prints without end must not take the heap. */
  private static final int OUTPUT_LIMIT =
      (int) Math.min(256L << 20, Runtime.getRuntime().maxMemory() / 16);

  private static final byte[] NOTHING = {};

  private final LocalSandbox sandbox;
  private final AgentProcess process;
  private final SpawnOptions options;
  private final List<Future<byte[]>> collected = new ArrayList<>();
  private final CompletableFuture<ChildProcessStatus> status;

  LocalChildProcess(LocalSandbox sandbox, AgentProcess process, SpawnOptions options) {
    this.sandbox = sandbox;
    this.process = process;
    this.options = options;
    status =
        process
            .exit()
            .handle(
                (exit, failure) -> {
                  if (exit == null) {
                    throw sandbox.closed(failure);
                  }
                  return status(exit);
                });
    inherit(options.stdout(), process.stdout(), System.out);
    inherit(options.stderr(), process.stderr(), System.err);
  }

  @Override
  public int pid() {
    return process.pid();
  }

  @Override
  public OutputStream stdin() {
    return process
        .stdin()
        .orElseThrow(
            () -> new IllegalStateException("stdin is not piped; ask for it in SpawnOptions."))
        .output();
  }

  @Override
  public InputStream stdout() {
    return piped(options.stdout(), process.stdout(), "stdout");
  }

  @Override
  public InputStream stderr() {
    return piped(options.stderr(), process.stderr(), "stderr");
  }

  @Override
  public ChildProcessStatus status() {
    return await(status);
  }

  @Override
  public CompletableFuture<ChildProcessStatus> statusFuture() {
    return status.copy();
  }

  @Override
  public ChildProcessOutput output() {
    Future<byte[]> errors;
    Future<byte[]> output;
    synchronized (collected) {
      if (collected.isEmpty()) {
        collected.add(collect(options.stderr(), process.stderr(), "stderr"));
        collected.add(collect(options.stdout(), process.stdout(), "stdout"));
      }
      errors = collected.getFirst();
      output = collected.getLast();
    }
    byte[] stdout = await(output);
    byte[] stderr = await(errors);
    return new ChildProcessOutput(status(), stdout, stderr);
  }

  @Override
  public void kill(Signal signal) {
    signal(signal, false);
  }

  @Override
  public void resize(int rows, int columns) {
    if (options.terminal().isEmpty()) {
      throw new IllegalStateException("The process has no terminal; ask for one in SpawnOptions.");
    }
    SpawnOptions.TerminalSize size = new SpawnOptions.TerminalSize(rows, columns);
    sandbox.asked(
        () -> {
          process.resize(size.rows(), size.columns());
          return size;
        });
  }

  @Override
  public void close() {
    if (Thread.currentThread().isInterrupted()) {
      // No call can be waited for here.
      Thread.ofVirtual().name("end of " + pid()).start(this::end);
    } else {
      end();
    }
    process.stdin().ifPresent(AgentStream::close);
    process.stdout().ifPresent(AgentStream::close);
    process.stderr().ifPresent(AgentStream::close);
  }

  private void end() {
    if (!status.isDone()) {
      try {
        signal(Signal.SIGKILL, true);
      } catch (BelljarException e) {
        // It ended, or the sandbox did, which is what was wanted.
      }
    }
  }

  private void signal(Signal signal, boolean tree) {
    if (status.isDone() && !tree) {
      throw new ProcessEndedException("Process " + pid() + " has already ended.");
    }
    try {
      sandbox.asked(
          () -> {
            process.kill(signal.number(), tree);
            return signal;
          });
    } catch (FileSystemOperationException e) {
      if (e.errno() == ESRCH) {
        throw new ProcessEndedException("Process " + pid() + " has already ended.", e);
      }
      throw e;
    }
  }

  private <T> T await(Future<T> future) {
    try {
      return future.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BelljarException("Interrupted while waiting for process " + pid() + ".", e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof BelljarException known) {
        throw known;
      }
      throw sandbox.closed(e);
    }
  }

  /**
   * Reads a piped stream to its end on a thread of its own, so that neither waits for the other.
   */
  private Future<byte[]> collect(Stdio stdio, Optional<AgentStream> stream, String name) {
    FutureTask<byte[]> task =
        new FutureTask<>(
            () ->
                stdio == Stdio.PIPED && stream.isPresent()
                    ? all(stream.get().input(), name)
                    : NOTHING);
    Thread.ofVirtual().name("output of " + pid()).start(task);
    return task;
  }

  private byte[] all(InputStream input, String name) throws IOException {
    byte[] bytes = input.readNBytes(OUTPUT_LIMIT);
    if (bytes.length == OUTPUT_LIMIT && input.read() >= 0) {
      close();
      throw new OutputTooLargeException(
          "Process "
              + pid()
              + " printed more than "
              + new ByteSize(OUTPUT_LIMIT)
              + " and was killed. Read "
              + name
              + "() as a stream, or write to a file.");
    }
    return bytes;
  }

  private static InputStream piped(Stdio stdio, Optional<AgentStream> stream, String name) {
    if (stdio != Stdio.PIPED || stream.isEmpty()) {
      throw new IllegalStateException(name + " is not piped; ask for it in SpawnOptions.");
    }
    return stream.get().input();
  }

  private void inherit(Stdio stdio, Optional<AgentStream> stream, PrintStream target) {
    if (stdio == Stdio.INHERIT && stream.isPresent()) {
      InputStream source = stream.get().input();
      Thread.ofVirtual()
          .name("output of " + pid())
          .start(
              () -> {
                try {
                  source.transferTo(target);
                  target.flush();
                } catch (IOException e) {
                  // The sandbox ended; status() tells.
                }
              });
    }
  }

  private static ChildProcessStatus status(ProcessExit exit) {
    return new ChildProcessStatus(
        exit.code() == 0 && exit.signal() == 0,
        exit.code(),
        Signal.of(exit.signal()),
        switch (exit.oom()) {
          case 1 -> OutOfMemory.LIKELY;
          case 2 -> OutOfMemory.CERTAIN;
          default -> OutOfMemory.NO;
        });
  }
}
