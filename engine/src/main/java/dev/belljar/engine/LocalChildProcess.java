package dev.belljar.engine;

import dev.belljar.BelljarException;
import dev.belljar.ChildProcess;
import dev.belljar.ChildProcessOutput;
import dev.belljar.ChildProcessStatus;
import dev.belljar.ChildProcessStatus.OutOfMemory;
import dev.belljar.FileSystemOperationException;
import dev.belljar.ProcessEndedException;
import dev.belljar.Signal;
import dev.belljar.SpawnOptions;
import dev.belljar.SpawnOptions.Stdio;
import dev.belljar.engine.agent.AgentConnection.ProcessExit;
import dev.belljar.engine.agent.AgentProcess;
import dev.belljar.engine.agent.AgentStream;
import dev.belljar.spi.CollectedOutput;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/** A process in a machine of this host. */
final class LocalChildProcess implements ChildProcess {
  private static final int ESRCH = 3;

  private final LocalSandbox sandbox;
  private final AgentProcess process;
  private final SpawnOptions options;
  private final CompletableFuture<ChildProcessStatus> status;
  private final AtomicBoolean closed = new AtomicBoolean();
  private @Nullable CollectedOutput output;

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
    return new ProcessInput(
        process
            .stdin()
            .orElseThrow(
                () -> new IllegalStateException("stdin is not piped; ask for it in SpawnOptions."))
            .output());
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
    CollectedOutput all;
    synchronized (this) {
      if (output == null) {
        output =
            new CollectedOutput(
                this,
                stream(options.stdout(), process.stdout()),
                stream(options.stderr(), process.stderr()));
      }
      all = output;
    }
    return all.await();
  }

  @Override
  public void kill(Signal signal) {
    if (status.isDone()) {
      throw new ProcessEndedException("Process " + pid() + " has already ended.");
    }
    try {
      sandbox.asked(
          () -> {
            process.kill(signal.number(), false);
            return signal;
          });
    } catch (FileSystemOperationException e) {
      if (e.errno() == ESRCH) {
        throw new ProcessEndedException("Process " + pid() + " has already ended.", e);
      }
      throw e;
    }
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
    if (closed.compareAndSet(false, true)) {
      Interruption.postpone(this::killTree);
    }
    process.stdin().ifPresent(AgentStream::close);
    process.stdout().ifPresent(AgentStream::close);
    process.stderr().ifPresent(AgentStream::close);
  }

  /** Whether it has ended or not: what it started may be there still. */
  private void killTree() {
    try {
      sandbox.givesBack(
          () -> {
            process.kill(Signal.SIGKILL.number(), true);
            return process;
          });
    } catch (BelljarException e) {
      // It ended, or the sandbox did, which is what was wanted.
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
      throw sandbox.failure(e);
    }
  }

  private static InputStream piped(Stdio stdio, Optional<AgentStream> stream, String name) {
    return stream(stdio, stream)
        .orElseThrow(
            () -> new IllegalStateException(name + " is not piped; ask for it in SpawnOptions."));
  }

  private static Optional<InputStream> stream(Stdio stdio, Optional<AgentStream> stream) {
    return stdio == Stdio.PIPED ? stream.map(AgentStream::input) : Optional.empty();
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
