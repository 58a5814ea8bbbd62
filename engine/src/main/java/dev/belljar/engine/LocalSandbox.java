package dev.belljar.engine;

import dev.belljar.BelljarException;
import dev.belljar.Checkpoint;
import dev.belljar.ChildProcess;
import dev.belljar.EgressRecord;
import dev.belljar.EgressTotals;
import dev.belljar.FetchRequest;
import dev.belljar.FetchResponse;
import dev.belljar.FileSystemOperationException;
import dev.belljar.GuestConnection;
import dev.belljar.InvalidOptionException;
import dev.belljar.Isolation;
import dev.belljar.NotFoundException;
import dev.belljar.Sandbox;
import dev.belljar.SandboxClosedException;
import dev.belljar.SandboxDeno;
import dev.belljar.SandboxEnv;
import dev.belljar.SandboxFs;
import dev.belljar.SandboxOptions;
import dev.belljar.SandboxPausedException;
import dev.belljar.SpawnOptions;
import dev.belljar.SpawnOptions.Stdio;
import dev.belljar.StorageException;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.agent.Agent;
import dev.belljar.engine.agent.AgentErrorException;
import dev.belljar.engine.agent.AgentProcess;
import dev.belljar.engine.agent.CallTooLargeException;
import dev.belljar.engine.deno.GuestDeno;
import dev.belljar.engine.egress.EgressGateway;
import dev.belljar.engine.egress.EgressLog;
import dev.belljar.engine.fetch.GuestFetch;
import dev.belljar.engine.storage.Uninterrupted;
import dev.belljar.engine.vmm.Machine;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A sandbox whose machine runs on this host. Owns the machine and its egress. */
final class LocalSandbox implements Sandbox {
  private static final Logger LOG = LoggerFactory.getLogger(LocalSandbox.class);

  /** Deno's documented maximum of one extension. */
  private static final Duration LONGEST_EXTENSION = Duration.ofMinutes(30);

  /** For what a guest holds in memory when it ends. */
  private static final Duration LONGEST_WRITE_DOWN = Duration.ofSeconds(20);

  private static final Duration LONGEST_CLOCK = Duration.ofSeconds(5);

  /** For what is being paused, resumed or saved when it is to end. */
  private static final Duration LONGEST_STANDSTILL = Duration.ofSeconds(10);

  private static final int EACCES = 13;
  private static final int EAGAIN = 11;
  private static final int EINVAL = 22;
  private static final int ENAMETOOLONG = 36;

  private final String id;
  private final Map<String, String> labels;
  private final Optional<Duration> timeout;
  private final int processes;
  private final Machine machine;
  private final Optional<SandboxDisks> disks;
  private final Supplier<MachineSaving> saving;

  /** Held while it is being paused, resumed or saved. */
  private final ReentrantLock standing = new ReentrantLock();

  private volatile @Nullable MachineSaving saver;
  private volatile boolean paused;
  private final EgressGateway gateway;
  private final EgressLog egress;
  private final Isolation isolation;
  private final ScheduledExecutorService timer;
  private final Consumer<LocalSandbox> onEnd;
  private final LocalEnv env;
  private final LocalFs fs;
  private final GuestFetch fetch;
  private final SandboxDeno deno;
  private final AtomicBoolean ending = new AtomicBoolean();

  /** Why it ends, from when it begins to. */
  private final CompletableFuture<String> ended = new CompletableFuture<>();

  /** Why it ended, when nothing is left of it. */
  private final CompletableFuture<String> gone = new CompletableFuture<>();

  private final Lifetime lifetime = new Lifetime(InstantSource.system(), System::nanoTime);
  private @Nullable Future<?> stop;

  LocalSandbox(
      String id,
      SandboxOptions options,
      LocalEnv env,
      Machine machine,
      Optional<SandboxDisks> disks,
      Supplier<MachineSaving> saving,
      EgressGateway gateway,
      EgressLog egress,
      Isolation isolation,
      Optional<WarmDeno> waiting,
      ScheduledExecutorService timer,
      Consumer<LocalSandbox> onEnd) {
    this.id = id;
    labels = options.labels();
    timeout = options.timeout();
    processes = options.processes();
    this.machine = machine;
    this.disks = disks;
    this.saving = saving;
    this.gateway = gateway;
    this.egress = egress;
    this.isolation = isolation;
    this.timer = timer;
    this.onEnd = onEnd;
    this.env = env;
    fs = new LocalFs(this, machine.agent().files(), options.workingDirectory());
    fetch = new GuestFetch(this);
    deno = new GuestDeno(this, fetch, waiting.map(one -> one.of(this)));
  }

  /** Begins its lifetime. */
  void start() {
    timeout.ifPresent(this::stopIn);
    Thread.ofVirtual()
        .name("end of " + id)
        .start(() -> end(rootOf(machine.agent().ended().join())));
  }

  @Override
  public String id() {
    return id;
  }

  @Override
  public Map<String, String> labels() {
    return labels;
  }

  @Override
  public SandboxFs fs() {
    return fs;
  }

  LocalFs localFs() {
    return fs;
  }

  LocalEnv localEnv() {
    return env;
  }

  @Override
  public SandboxEnv env() {
    return env;
  }

  @Override
  public SandboxDeno deno() {
    return deno;
  }

  @Override
  public FetchResponse fetch(FetchRequest request) {
    checkOpen();
    return fetch.fetch(request);
  }

  @Override
  public GuestConnection dial(int port) {
    if (port < 1 || port > 65_535) {
      throw new InvalidOptionException("A port is 1 to 65535, not " + port + ".");
    }
    return new LocalGuestConnection(asked(() -> machine.agent().dial(port)));
  }

  @Override
  public Isolation isolation() {
    return isolation;
  }

  @Override
  public Instant stopAt() {
    synchronized (lifetime) {
      return lifetime.end();
    }
  }

  @Override
  public ChildProcess spawn(String command, SpawnOptions how) {
    if (command.isEmpty() || command.indexOf('\0') >= 0) {
      throw new InvalidOptionException("A command cannot be empty or hold NUL.");
    }
    boolean terminal = how.terminal().isPresent();
    List<String> argv = new ArrayList<>(how.args().size() + 1);
    argv.add(command);
    argv.addAll(how.args());
    AgentProcess.Start start =
        new AgentProcess.Start(
            argv,
            env.forProcess(how),
            fs.absolute(how.cwd().orElse(".")),
            how.user(),
            fs.umask(),
            how.stdin() == Stdio.PIPED,
            how.stdout() != Stdio.NULL,
            how.stderr() != Stdio.NULL,
            terminal ? how.terminal().orElseThrow().rows() : 0,
            terminal ? how.terminal().orElseThrow().columns() : 0);
    try {
      AgentProcess process = asked(() -> machine.agent().spawn(start));
      return new LocalChildProcess(this, process, how);
    } catch (FileSystemOperationException e) {
      throw explained(e, start);
    }
  }

  /** The kernel gives one number for several things that may be wrong with a start. */
  private FileSystemOperationException explained(
      FileSystemOperationException e, AgentProcess.Start start) {
    if (e.errno() == EAGAIN) {
      return new FileSystemOperationException(
          e.getMessage() + ": the sandbox's limit of " + processes + " processes is reached",
          e.code(),
          e.errno());
    }
    if (e.errno() == EINVAL) {
      return new FileSystemOperationException(
          e.getMessage() + ": perhaps there is no user '" + start.user() + "' in the sandbox",
          e.code(),
          e.errno());
    }
    if (e instanceof NotFoundException) {
      try {
        fs.stat(start.cwd());
      } catch (NotFoundException missing) {
        return FileSystemOperationException.of(e.errno(), "chdir '" + start.cwd() + "'");
      } catch (FileSystemOperationException other) {
        return e;
      }
    }
    if (e.errno() == EACCES && !start.user().equals("app") && !start.user().equals("root")) {
      return FileSystemOperationException.of(
          e.errno(),
          "spawn '%s' as user '%s' in '%s', which that user may not enter or execute"
              .formatted(start.argv().getFirst(), start.user(), start.cwd()));
    }
    return e;
  }

  @Override
  public List<EgressRecord> egress() {
    return egress.records();
  }

  @Override
  public EgressTotals egressTotals() {
    return gateway.totals();
  }

  @Override
  public Instant extendTimeout(Duration timeout) {
    if (!timeout.isPositive()) {
      throw new InvalidOptionException("A sandbox can be given more time, not " + timeout + ".");
    }
    // Also while it is paused, as its lifetime goes on.
    checkNotEnding();
    Duration granted = timeout.compareTo(LONGEST_EXTENSION) > 0 ? LONGEST_EXTENSION : timeout;
    synchronized (lifetime) {
      if (lifetime.endsBefore(granted)) {
        stopIn(granted);
      }
      return lifetime.end();
    }
  }

  @Override
  public void pause() {
    standing(
        () -> {
          if (!paused) {
            machine.pause();
            paused = true;
          }
          return id;
        });
  }

  @Override
  public void resume() {
    standing(
        () -> {
          if (paused) {
            machine.resume();
            paused = false;
            setClock();
          }
          return id;
        });
  }

  /** A guest that does not answer has the clock that it has. */
  private void setClock() throws AgentErrorException {
    try {
      InTime.ask(
          "clock",
          LONGEST_CLOCK,
          () -> {
            machine.agent().setClock(Instant.now());
            return id;
          });
    } catch (IOException e) {
      LOG.info("The clock of sandbox {} was not set: {}", id, e.getMessage());
    }
  }

  @Override
  public boolean isPaused() {
    return paused;
  }

  @Override
  public Checkpoint checkpoint(String slug) {
    VolumeOptions.checkSlug(slug);
    return standing(
        () -> {
          checkRuns();
          if (saver == null) {
            saver = saving.get();
          }
          return saver.save(slug);
        });
  }

  /**
   * On a thread of its own: an interrupt that came in the middle would leave a machine that stands
   * still for ever. Whoever is interrupted does not wait for it.
   */
  private <T> T standing(Question<T> work) {
    FutureTask<T> task = new FutureTask<>(() -> alone(work));
    Thread.ofVirtual().name("standstill of " + id).start(task);
    try {
      return task.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw failure(e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof BelljarException known) {
        throw known;
      }
      throw new BelljarException("Sandbox " + id + ": " + e.getCause(), e);
    }
  }

  /** One at a time; what fails because the sandbox ended meanwhile is said as that. */
  private <T> T alone(Question<T> work) {
    standing.lock();
    try {
      checkNotEnding();
      return work.ask();
    } catch (AgentErrorException e) {
      throw FileSystemOperationException.of(e.errno(), e.operation());
    } catch (IOException e) {
      if (ending.get()) {
        throw failure(e);
      }
      throw new BelljarException("Sandbox " + id + ": " + e.getMessage(), e);
    } finally {
      standing.unlock();
    }
  }

  @Override
  public String awaitEnd() {
    try {
      return gone.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BelljarException("Interrupted while waiting for sandbox " + id + " to end.", e);
    } catch (ExecutionException e) {
      throw new AssertionError("it only ever completes", e);
    }
  }

  @Override
  public void kill() {
    end("it was killed");
  }

  @Override
  public void close() {
    end("it was closed");
  }

  @Override
  public String toString() {
    return "Sandbox " + id;
  }

  /** The agent, for what is not (yet) part of the public interface. */
  Agent agent() {
    return machine.agent();
  }

  /** Does something in the guest, its failures turned into what users see. */
  <T> T asked(Question<T> question) {
    checkOpen();
    try {
      return question.ask();
    } catch (AgentErrorException e) {
      throw FileSystemOperationException.of(e.errno(), e.operation());
    } catch (CallTooLargeException e) {
      throw FileSystemOperationException.of(ENAMETOOLONG, "a path or text of megabytes");
    } catch (IOException e) {
      throw failure(e);
    }
  }

  /** As {@link #asked}, of what gives something back: nobody waits for it while it is paused. */
  void givesBack(Question<?> question) {
    try {
      asked(question);
    } catch (SandboxPausedException e) {
      // It is answered when it is resumed, or when the sandbox ends.
      Thread.ofVirtual()
          .name("giving back in " + id)
          .start(
              () -> {
                try {
                  question.ask();
                } catch (IOException | AgentErrorException failed) {
                  LOG.debug("Something of sandbox {} could not be given back", id, failed);
                }
              });
    }
  }

  /** What to throw when a wait was interrupted or the connection is gone. */
  BelljarException failure(Throwable cause) {
    return Interruption.causes(cause)
        ? new BelljarException("Interrupted while waiting for sandbox " + id + ".", cause)
        : closed(cause);
  }

  /** What to throw when the connection is gone. */
  SandboxClosedException closed(Throwable cause) {
    String reason = ended.getNow("");
    if (reason.isEmpty()) {
      reason = rootOf(cause);
    }
    return new SandboxClosedException("Sandbox " + id + " has ended: " + reason + ".", cause);
  }

  /** What something failed for in the end, in words. */
  static String rootOf(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    String message =
        root.getMessage() == null ? root.getClass().getSimpleName() : root.getMessage();
    return message.endsWith(".") ? message.substring(0, message.length() - 1) : message;
  }

  /** Something to be done in the guest. */
  interface Question<T> {
    T ask() throws IOException, AgentErrorException;
  }

  private void checkOpen() {
    checkNotEnding();
    checkRuns();
  }

  private void checkNotEnding() {
    if (ending.get()) {
      throw closed(new IOException("it is being closed"));
    }
  }

  private void checkRuns() {
    if (paused) {
      throw new SandboxPausedException("Sandbox " + id + " is paused. Resume it first.");
    }
  }

  private void stopIn(Duration remaining) {
    synchronized (lifetime) {
      lifetime.endIn(remaining);
      if (stop != null) {
        stop.cancel(false);
      }
      stop =
          timer.schedule(
              () ->
                  Thread.ofVirtual().name("end of " + id).start(() -> end("its lifetime is over")),
              remaining.toMillis(),
              TimeUnit.MILLISECONDS);
    }
  }

  private void end(String reason) {
    if (!ending.compareAndSet(false, true)) {
      // Whoever closes it may count on what it had, also where it came to an end by itself.
      gone.join();
      return;
    }
    ended.complete(reason);
    try {
      // An interrupt would leave volumes without what was written, and with somebody who is gone.
      Uninterrupted.run("end of " + id, this::clear);
    } finally {
      gone.complete(reason);
    }
  }

  private String clear() {
    boolean alone = awaitStanding();
    try {
      giveUp();
    } finally {
      if (alone) {
        standing.unlock();
      }
    }
    return id;
  }

  /** Whether nobody pauses, resumes or saves it from now on. */
  private boolean awaitStanding() {
    try {
      return standing.tryLock(LONGEST_STANDSTILL.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      throw new AssertionError("nobody interrupts this thread", e);
    }
  }

  private void giveUp() {
    synchronized (lifetime) {
      if (stop != null) {
        stop.cancel(false);
      }
    }
    gateway.close();
    boolean clean = true;
    if (disks.filter(SandboxDisks::writable).isPresent()) {
      letRun();
      clean = writeDown();
    }
    try {
      machine.close();
    } catch (IOException e) {
      LOG.warn(
          "Sandbox {}: its files could not be cleared ({}). The next start will.",
          id,
          e.getMessage());
    }
    forgetSaver();
    if (!clean) {
      // The machine is gone by then: whatever the store waits for, it does not go on.
      noteUncleanEnd();
    }
    disks.ifPresent(this::giveBack);
    onEnd.accept(this);
  }

  /** A guest that stands still writes nothing down. */
  private void letRun() {
    if (!machine.isPaused()) {
      return;
    }
    try {
      machine.resume();
    } catch (IOException e) {
      LOG.info("Sandbox {} could not be resumed to write to its volumes: {}", id, e.getMessage());
    }
  }

  /** Has the guest end its processes and write what it holds to its volumes. */
  private boolean writeDown() {
    Future<?> limit = AwakeLimit.after(LONGEST_WRITE_DOWN, timer, machine.agent()::close);
    try {
      machine.agent().shutdown();
      return true;
    } catch (IOException | AgentErrorException e) {
      LOG.info("Sandbox {} ended without writing everything to its volumes: {}", id, e.toString());
      return false;
    } finally {
      limit.cancel(false);
    }
  }

  private void noteUncleanEnd() {
    try {
      disks.ifPresent(SandboxDisks::endUncleanly);
    } catch (StorageException e) {
      LOG.warn("Sandbox {}: it could not be noted how it ended: {}", id, e.getMessage());
    }
  }

  private void forgetSaver() {
    MachineSaving saving = saver;
    if (saving == null) {
      return;
    }
    try {
      saving.close();
    } catch (IOException e) {
      LOG.warn("Sandbox {}: {} The next start will clear it.", id, e.getMessage());
    }
  }

  private void giveBack(SandboxDisks those) {
    try {
      those.close();
    } catch (StorageException e) {
      LOG.warn("Sandbox {}: its volumes could not be given back: {}", id, e.getMessage());
    }
  }
}
