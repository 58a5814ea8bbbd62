package dev.belljar.cli;

import dev.belljar.BelljarException;
import dev.belljar.ChildProcess;
import dev.belljar.ChildProcessStatus;
import dev.belljar.ProcessEndedException;
import dev.belljar.Sandbox;
import dev.belljar.Signal;
import dev.belljar.SpawnOptions;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** One program in a sandbox, from its start to the last byte of its output. */
final class ProgramRun implements Callable<ProgramEnd> {
  /** How long a program that has ended may leave its output open before that is ended, too. */
  static final Duration LINGER = Duration.ofMillis(150);

  /** How long the sandbox gets to end what the program left behind. */
  private static final Duration SWEEP = Duration.ofSeconds(5);

  private final Sandbox sandbox;
  private final RunRequest request;
  private final InputStream in;
  private final OutputStream out;
  private final OutputStream err;

  /**
   * A program that is not started yet.
   *
   * @param in what it reads
   * @param out where its output goes
   * @param err where its errors go
   */
  ProgramRun(
      Sandbox sandbox, RunRequest request, InputStream in, OutputStream out, OutputStream err) {
    this.sandbox = sandbox;
    this.request = request;
    this.in = in;
    this.out = out;
    this.err = err;
  }

  /**
   * Runs it.
   *
   * @throws OutputClosedException where nobody reads its output any more
   * @throws BelljarException where the sandbox failed
   */
  @Override
  public ProgramEnd call() {
    boolean reads = !request.program().takesInput();
    SpawnOptions options =
        request
            .spawnOptions()
            .stdin(reads ? SpawnOptions.Stdio.PIPED : SpawnOptions.Stdio.NULL)
            .build();
    try (ChildProcess child = sandbox.spawn(request.program().command(), options)) {
      QuickEnd.prepare();
      if (reads) {
        InputPump.start(in, child.stdin());
      }
      var output = OutputPump.start("stdout", child.stdout(), out, sandbox::kill);
      var errors = OutputPump.start("stderr", child.stderr(), err, sandbox::kill);
      try {
        ProgramEnd end = await(child, request.timeout());
        drain(output, errors);
        requireWritten(output, errors);
        return end;
      } catch (BelljarException e) {
        // Where the output could not be written the sandbox was killed, and a server may say so in
        // words of its own.
        requireWritten(output, errors);
        throw e;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BelljarException("Interrupted while the program ran.", e);
    }
  }

  private static ProgramEnd await(ChildProcess child, Optional<Duration> timeout)
      throws InterruptedException {
    if (timeout.isEmpty()) {
      return new ProgramEnd(child.status(), false);
    }
    try {
      ChildProcessStatus status =
          child.statusFuture().get(timeout.get().toMillis(), TimeUnit.MILLISECONDS);
      return new ProgramEnd(status, false);
    } catch (TimeoutException e) {
      try {
        child.kill(Signal.SIGKILL);
      } catch (ProcessEndedException ended) {
        // In the very moment: it was too late all the same.
      }
      return new ProgramEnd(child.status(), true);
    } catch (ExecutionException e) {
      throw e.getCause() instanceof BelljarException failure
          ? failure
          : new BelljarException("Waiting for the program failed: " + e.getCause(), e);
    }
  }

  /**
   * Waits for the last of the output. What the program left running in the background would keep it
   * open for ever, so that is killed: a sandbox ends with its program.
   */
  private void drain(OutputPump out, OutputPump err) throws InterruptedException {
    if (ended(out, err, LINGER)) {
      return;
    }
    while (out.silence().compareTo(LINGER) < 0 && err.silence().compareTo(LINGER) < 0) {
      if (ended(out, err, LINGER)) {
        return;
      }
    }
    try (ChildProcess sweep =
        sandbox.spawn(
            "/bin/sh",
            SpawnOptions.builder()
                .args("-c", "kill -9 -1")
                .user("root")
                .stdout(SpawnOptions.Stdio.NULL)
                .stderr(SpawnOptions.Stdio.NULL)
                .build())) {
      sweep.status();
    } catch (BelljarException e) {
      // No process to be had, as after a fork bomb: what was printed so far is all there will be.
      return;
    }
    while (!ended(out, err, LINGER)) {
      if (out.silence().compareTo(SWEEP) > 0 || err.silence().compareTo(SWEEP) > 0) {
        return;
      }
    }
  }

  private static boolean ended(OutputPump out, OutputPump err, Duration limit)
      throws InterruptedException {
    return out.await(limit) && err.await(limit);
  }

  private static void requireWritten(OutputPump out, OutputPump err) {
    Optional<IOException> failure = out.failure().or(err::failure);
    if (failure.isPresent()) {
      throw new OutputClosedException(failure.get());
    }
  }
}
