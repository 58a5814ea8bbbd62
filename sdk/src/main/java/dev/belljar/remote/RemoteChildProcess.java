package dev.belljar.remote;

import dev.belljar.BelljarException;
import dev.belljar.ChildProcess;
import dev.belljar.ChildProcessOutput;
import dev.belljar.ChildProcessStatus;
import dev.belljar.ChildProcessStatus.OutOfMemory;
import dev.belljar.ProcessEndedException;
import dev.belljar.Signal;
import dev.belljar.SpawnOptions;
import dev.belljar.SpawnOptions.Stdio;
import dev.belljar.remote.Rpc.Outcome;
import dev.belljar.spi.CollectedOutput;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/** A process in a sandbox of a server. */
@SuppressWarnings("FutureReturnValueIgnored") // what hangs on its futures cannot fail
class RemoteChildProcess implements ChildProcess {
  final Rpc rpc;
  final RemoteSandbox sandbox;
  private final Spawn spawn;
  private final SpawnOptions options;
  private final CompletableFuture<ChildProcessStatus> status;
  private final AtomicBoolean closed = new AtomicBoolean();
  private @Nullable CollectedOutput output;

  RemoteChildProcess(Spawn spawn) {
    this.spawn = spawn;
    rpc = spawn.rpc();
    sandbox = spawn.sandbox();
    options = spawn.options();
    // What users hang on it must not run on the thread that receives.
    status =
        rpc.start("processWait", Json.object().put("pid", spawn.pid()))
            .handleAsync(this::status, Thread::startVirtualThread);
    inherit(options.stdout(), spawn.stdout(), System.out);
    inherit(options.stderr(), spawn.stderr(), System.err);
  }

  @Override
  public int pid() {
    return spawn.pid();
  }

  @Override
  public OutputStream stdin() {
    return spawn
        .stdin()
        .orElseThrow(
            () -> new IllegalStateException("stdin is not piped; ask for it in SpawnOptions."));
  }

  @Override
  public InputStream stdout() {
    return piped(options.stdout(), spawn.stdout(), "stdout");
  }

  @Override
  public InputStream stderr() {
    return piped(options.stderr(), spawn.stderr(), "stderr");
  }

  @Override
  public ChildProcessStatus status() {
    return await(rpc.wanted(status.copy()));
  }

  @Override
  public CompletableFuture<ChildProcessStatus> statusFuture() {
    return rpc.wanted(status.copy());
  }

  @Override
  public ChildProcessOutput output() {
    CollectedOutput all;
    synchronized (this) {
      if (output == null) {
        output =
            new CollectedOutput(
                this,
                stream(options.stdout(), spawn.stdout()),
                stream(options.stderr(), spawn.stderr()));
      }
      all = output;
    }
    return all.await();
  }

  @Override
  public void kill(Signal signal) {
    if (status.isDone()) {
      throw ended();
    }
    Outcome outcome =
        rpc.outcome(
            "processKill", Json.object("signal", signal.name()).put("pid", pid()), reply -> {});
    if (outcome instanceof Outcome.Failed failed && failed.error().processEnded()) {
      throw ended();
    }
    outcome.orThrow();
  }

  @Override
  public void resize(int rows, int columns) {
    if (options.terminal().isEmpty()) {
      throw new IllegalStateException("The process has no terminal; ask for one in SpawnOptions.");
    }
    SpawnOptions.TerminalSize size = new SpawnOptions.TerminalSize(rows, columns);
    rpc.call(
        "processResize",
        Json.object().put("pid", pid()).put("rows", size.rows()).put("columns", size.columns()));
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      boolean interrupted = Thread.interrupted();
      try {
        killTree();
      } catch (BelljarException e) {
        // The sandbox ended, or the caller is interrupted only now: the server knows.
      } finally {
        if (interrupted) {
          Thread.currentThread().interrupt();
        }
      }
    }
    spawn.stdin().ifPresent(RemoteChildProcess::closeQuietly);
    spawn.stdout().ifPresent(IncomingStream::close);
    spawn.stderr().ifPresent(IncomingStream::close);
  }

  /** Whether it has ended or not: what it started may be there still. */
  private void killTree() {
    boolean ended = status.isDone();
    if (ended && !sandbox.isBelljar()) {
      return; // Other servers do not know how.
    }
    var kill = rpc.start("processKill", spawn.release());
    if (!ended) {
      rpc.await("processKill", kill, () -> {}, reply -> {});
    }
  }

  @Override
  public String toString() {
    return "Process " + pid() + " of " + sandbox;
  }

  boolean hasEnded() {
    return status.isDone();
  }

  /** Has something done once it has ended, or the connection has. */
  final void afterwards(Runnable action) {
    status.whenComplete((ended, failure) -> action.run());
  }

  ProcessEndedException ended() {
    return new ProcessEndedException("Process " + pid() + " has already ended.");
  }

  private ChildProcessStatus status(Outcome outcome, Throwable failure) {
    if (failure != null) {
      throw rpc.closed(failure);
    }
    Reply reply = outcome.orThrow();
    return new ChildProcessStatus(
        reply.flag("success"),
        reply.integer("code"),
        reply.optionalText("signal").flatMap(RemoteChildProcess::signal),
        switch (reply.optionalText("oom").orElse("")) {
          case "low-confidence" -> OutOfMemory.LIKELY;
          case "high-confidence" -> OutOfMemory.CERTAIN;
          default -> OutOfMemory.NO;
        });
  }

  private static Optional<Signal> signal(String name) {
    return Arrays.stream(Signal.values()).filter(signal -> signal.name().equals(name)).findFirst();
  }

  private <T> T await(Future<T> future) {
    try {
      return future.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BelljarException("Interrupted while waiting for process " + pid() + ".", e);
    } catch (ExecutionException e) {
      Throwable cause = e.getCause();
      if (cause instanceof CompletionException wrapped && wrapped.getCause() != null) {
        cause = wrapped.getCause();
      }
      if (cause instanceof BelljarException known) {
        throw known;
      }
      throw rpc.closed(e);
    }
  }

  private static InputStream piped(Stdio stdio, Optional<IncomingStream> stream, String name) {
    return stream(stdio, stream)
        .orElseThrow(
            () -> new IllegalStateException(name + " is not piped; ask for it in SpawnOptions."));
  }

  private static Optional<InputStream> stream(Stdio stdio, Optional<IncomingStream> stream) {
    return stdio == Stdio.PIPED ? stream.map(InputStream.class::cast) : Optional.empty();
  }

  private void inherit(Stdio stdio, Optional<IncomingStream> stream, PrintStream target) {
    if (stdio == Stdio.INHERIT && stream.isPresent()) {
      InputStream source = stream.get();
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

  private static void closeQuietly(OutputStream stream) {
    try {
      stream.close();
    } catch (IOException e) {
      // The connection is gone, and with it the process.
    }
  }
}
