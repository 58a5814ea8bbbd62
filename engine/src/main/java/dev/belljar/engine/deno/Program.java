package dev.belljar.engine.deno;

import dev.belljar.ChildProcess;
import dev.belljar.ChildProcessOutput;
import dev.belljar.ChildProcessStatus;
import dev.belljar.DenoProcess;
import dev.belljar.FetchException;
import dev.belljar.FetchRequest;
import dev.belljar.FetchResponse;
import dev.belljar.Sandbox;
import dev.belljar.Signal;
import dev.belljar.SpawnOptions;
import dev.belljar.SpawnOptions.Stdio;
import dev.belljar.engine.fetch.GuestFetch;
import dev.belljar.spi.CollectedOutput;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * A Deno process of a sandbox. Its streams may lead through here: something is read along, or taken
 * out, before the user has them.
 */
class Program implements DenoProcess {
  private final GuestFetch fetch;
  private final ChildProcess child;
  private final Optional<Restarts> restarts;
  private final Optional<InputStream> stdout;
  private final Optional<InputStream> stderr;
  private final ListeningPorts ports;
  private @Nullable CollectedOutput output;

  /**
   * Takes ownership of the process.
   *
   * @param asked the options of the user
   * @param piped which of the streams are piped although the user asked for something else
   */
  Program(Sandbox sandbox, GuestFetch fetch, ChildProcess child, SpawnOptions asked, Piped piped) {
    this.fetch = fetch;
    this.child = child;
    ports = new ListeningPorts(sandbox, child.pid(), asked.user());
    boolean terminal = asked.terminal().isPresent();
    restarts = piped.watched() ? Optional.of(new Restarts(child)) : Optional.empty();
    Optional<InputStream> output = Optional.empty();
    if (piped.stdout() || asked.stdout() == Stdio.PIPED) {
      output = Optional.of(terminal ? readAlong(child.stdout()) : child.stdout());
    }
    Optional<InputStream> errors = Optional.empty();
    if (!terminal && (piped.watched() || asked.stderr() == Stdio.PIPED)) {
      errors = Optional.of(readAlong(child.stderr()));
    }
    stdout = asWished(asked.stdout(), output, System.out);
    stderr = asWished(asked.stderr(), errors, System.err);
  }

  /** Why streams are piped. */
  record Piped(boolean stdout, boolean watched) {}

  /** Starts Deno with those arguments and then those of the options. */
  static Program start(
      Sandbox sandbox, GuestFetch fetch, List<String> args, SpawnOptions options, boolean watched) {
    Piped piped = new Piped(false, watched);
    return new Program(sandbox, fetch, spawn(sandbox, args, options, piped), options, piped);
  }

  static ChildProcess spawn(Sandbox sandbox, List<String> args, SpawnOptions options, Piped piped) {
    List<String> all = new ArrayList<>(args);
    all.addAll(options.args());
    boolean terminal = options.terminal().isPresent();
    return sandbox.spawn(
        "deno",
        new SpawnOptions(
            all,
            options.cwd(),
            options.clearEnv(),
            options.env(),
            options.stdin(),
            piped.stdout ? Stdio.PIPED : options.stdout(),
            piped.watched && !terminal ? Stdio.PIPED : options.stderr(),
            options.user(),
            options.terminal()));
  }

  @Override
  public boolean httpReady() {
    return ports.await(child);
  }

  @Override
  public FetchResponse fetch(FetchRequest request) {
    GuestFetch.Server server =
        ports
            .first()
            .orElseThrow(
                () ->
                    new FetchException(
                        "Process "
                            + pid()
                            + " does not listen for HTTP"
                            + (child.statusFuture().isDone()
                                ? ": it has ended."
                                : " (yet); wait for httpReady().")));
    return fetch.fetch(request, server);
  }

  @Override
  public void onRestart(Runnable listener) {
    restarts.ifPresent(watcher -> watcher.tell(listener));
  }

  @Override
  public int pid() {
    return child.pid();
  }

  @Override
  public OutputStream stdin() {
    return child.stdin();
  }

  @Override
  public InputStream stdout() {
    return stdout.orElseThrow(() -> notPiped("stdout"));
  }

  @Override
  public InputStream stderr() {
    return stderr.orElseThrow(() -> notPiped("stderr"));
  }

  @Override
  public ChildProcessStatus status() {
    return child.status();
  }

  @Override
  public CompletableFuture<ChildProcessStatus> statusFuture() {
    return child.statusFuture();
  }

  @Override
  public ChildProcessOutput output() {
    CollectedOutput all;
    synchronized (this) {
      if (output == null) {
        output = new CollectedOutput(this, stdout, stderr);
      }
      all = output;
    }
    return all.await();
  }

  @Override
  public void kill(Signal signal) {
    child.kill(signal);
  }

  @Override
  public void resize(int rows, int columns) {
    child.resize(rows, columns);
  }

  @Override
  public void close() {
    child.close();
  }

  private InputStream readAlong(InputStream stream) {
    return restarts.isPresent() ? restarts.get().in(stream) : stream;
  }

  private Optional<InputStream> asWished(
      Stdio wish, Optional<InputStream> stream, OutputStream inherited) {
    if (wish == Stdio.PIPED || stream.isEmpty()) {
      return stream;
    }
    OutputStream target = wish == Stdio.INHERIT ? inherited : OutputStream.nullOutputStream();
    Thread.ofVirtual()
        .name("output of " + pid())
        .start(
            () -> {
              try {
                stream.get().transferTo(target);
                target.flush();
              } catch (IOException e) {
                // The sandbox ended; status() tells.
              }
            });
    return Optional.empty();
  }

  private static IllegalStateException notPiped(String name) {
    return new IllegalStateException(name + " is not piped; ask for it in SpawnOptions.");
  }
}
