package dev.belljar.server;

import dev.belljar.Checkpoint;
import dev.belljar.ChildProcess;
import dev.belljar.EgressRecord;
import dev.belljar.EgressTotals;
import dev.belljar.FetchException;
import dev.belljar.FetchRequest;
import dev.belljar.FetchResponse;
import dev.belljar.FileSystemOperationException;
import dev.belljar.GuestConnection;
import dev.belljar.InvalidOptionException;
import dev.belljar.Isolation;
import dev.belljar.Sandbox;
import dev.belljar.SandboxClosedException;
import dev.belljar.SandboxDeno;
import dev.belljar.SandboxEnv;
import dev.belljar.SandboxOptions;
import dev.belljar.SandboxPausedException;
import dev.belljar.SpawnOptions;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

/** A sandbox of which files, variables and scripted processes are kept in memory. */
final class FakeSandbox implements Sandbox {
  private final String id;
  private final SandboxOptions options;
  private final FakeStorage storage;
  private final FakeFs fs = new FakeFs();
  private final Map<String, String> env = new ConcurrentHashMap<>();
  private final Map<Integer, FakeProcess> processes = new ConcurrentHashMap<>();
  private final AtomicInteger nextPid = new AtomicInteger(100);
  private final AtomicInteger endlessAnswersClosed = new AtomicInteger();
  private final CountDownLatch end = new CountDownLatch(1);
  private volatile CountDownLatch writing = new CountDownLatch(0);
  private volatile String reason = "";
  private volatile boolean paused;
  private volatile Instant stopAt;
  private volatile EgressTotals egressTotals = EgressTotals.NONE;

  FakeSandbox(String id, SandboxOptions options, FakeStorage storage) {
    this.id = id;
    this.options = options;
    this.storage = storage;
    env.putAll(options.env());
    stopAt = options.timeout().map(Instant.now()::plus).orElse(Instant.MAX);
  }

  boolean ended() {
    return end.getCount() == 0;
  }

  SandboxOptions options() {
    return options;
  }

  /** Has carried that much. */
  void carried(EgressTotals totals) {
    egressTotals = totals;
  }

  FakeFs files() {
    return fs;
  }

  /** Of those that were given to {@code /endless}. */
  int endlessAnswersClosed() {
    return endlessAnswersClosed.get();
  }

  FakeProcess process(int pid) {
    return Objects.requireNonNull(processes.get(pid));
  }

  /** Its end takes until that is counted down. */
  void endsAfter(CountDownLatch latch) {
    writing = latch;
  }

  void end(String why) {
    try {
      writing.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
    storage.release(id);
    reason = why;
    end.countDown();
    processes.values().forEach(FakeProcess::close);
  }

  @Override
  public String id() {
    return id;
  }

  @Override
  public Map<String, String> labels() {
    return options.labels();
  }

  @Override
  public FakeFs fs() {
    return fs;
  }

  @Override
  public SandboxEnv env() {
    return new SandboxEnv() {
      @Override
      public Optional<String> get(String key) {
        return Optional.ofNullable(env.get(key));
      }

      @Override
      public void set(String key, String value) {
        if (key.isEmpty() || key.contains("=") || value.indexOf('\0') >= 0) {
          throw new InvalidOptionException("That variable cannot be.");
        }
        env.put(key, value);
      }

      @Override
      public Map<String, String> toMap() {
        return Map.copyOf(env);
      }

      @Override
      public void delete(String key) {
        env.remove(key);
      }
    };
  }

  @Override
  public SandboxDeno deno() {
    throw new FetchException("There is no Deno here.");
  }

  @Override
  public FetchResponse fetch(FetchRequest request) {
    return switch (request.url().getPath()) {
      case "/hang" -> {
        hang();
        throw new AssertionError();
      }
      case "/endless" -> {
        FakeProcess yes = new FakeProcess(0, "yes", List.of());
        yield new FetchResponse(
            200,
            "OK",
            List.of(),
            new java.io.FilterInputStream(yes.stdout()) {
              @Override
              public void close() {
                if (!yes.statusFuture().isDone()) {
                  endlessAnswersClosed.incrementAndGet();
                }
                yes.close();
              }
            });
      }
      case "/devour" -> {
        try {
          long length = request.body().orElseThrow().transferTo(OutputStream.nullOutputStream());
          yield new FetchResponse(
              200,
              "OK",
              List.of(Map.entry("x-length", "" + length)),
              InputStream.nullInputStream());
        } catch (java.io.IOException e) {
          throw new FetchException("The body broke off.", e);
        }
      }
      default ->
          new FetchResponse(
              200,
              "OK",
              List.of(Map.entry("content-type", "text/plain")),
              new java.io.ByteArrayInputStream(new byte[] {'h', 'i'}));
    };
  }

  static void hang() {
    try {
      new CountDownLatch(1).await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new dev.belljar.BelljarException("Interrupted.");
    }
  }

  @Override
  public GuestConnection dial(int port) {
    if (port != 80) {
      throw FileSystemOperationException.of(111, "connect");
    }
    FakeProcess echo = new FakeProcess(0, "cat", List.of());
    return new GuestConnection() {
      @Override
      public InputStream input() {
        return echo.stdout();
      }

      @Override
      public OutputStream output() {
        return echo.stdin();
      }

      @Override
      public void close() {
        echo.close();
      }
    };
  }

  @Override
  public Isolation isolation() {
    return new Isolation("fake", "none", false, "none", "none");
  }

  @Override
  public Instant stopAt() {
    return stopAt;
  }

  @Override
  public ChildProcess spawn(String command, SpawnOptions spawn) {
    checkRuns();
    if (command.equals("nothing")) {
      throw FileSystemOperationException.of(2, "spawn 'nothing'");
    }
    FakeProcess process = new FakeProcess(nextPid.incrementAndGet(), command, spawn.args());
    processes.put(process.pid(), process);
    return process;
  }

  @Override
  public List<EgressRecord> egress() {
    return List.of();
  }

  @Override
  public EgressTotals egressTotals() {
    return egressTotals;
  }

  @Override
  public Instant extendTimeout(Duration timeout) {
    Instant until = Instant.now().plus(timeout);
    stopAt = until.isAfter(stopAt) ? until : stopAt;
    return stopAt;
  }

  @Override
  public void pause() {
    checkNotEnded();
    paused = true;
  }

  @Override
  public void resume() {
    checkNotEnded();
    paused = false;
  }

  @Override
  public boolean isPaused() {
    return paused;
  }

  @Override
  public Checkpoint checkpoint(String slug) {
    checkNotEnded();
    checkRuns();
    return storage.checkpoint(slug, this);
  }

  private void checkRuns() {
    if (paused) {
      throw new SandboxPausedException("Sandbox " + id + " is paused. Resume it first.");
    }
  }

  private void checkNotEnded() {
    if (ended()) {
      throw new SandboxClosedException("Sandbox " + id + " has ended.");
    }
  }

  @Override
  public String awaitEnd() {
    try {
      end.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
    return reason;
  }

  @Override
  public void kill() {
    end("killed");
  }

  @Override
  public void close() {
    end("closed");
  }
}
