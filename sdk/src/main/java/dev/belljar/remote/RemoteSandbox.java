package dev.belljar.remote;

import dev.belljar.BelljarException;
import dev.belljar.Checkpoint;
import dev.belljar.ChildProcess;
import dev.belljar.EgressRecord;
import dev.belljar.EgressTotals;
import dev.belljar.FetchRequest;
import dev.belljar.FetchResponse;
import dev.belljar.GuestConnection;
import dev.belljar.InvalidOptionException;
import dev.belljar.Isolation;
import dev.belljar.Sandbox;
import dev.belljar.SandboxClosedException;
import dev.belljar.SandboxDeno;
import dev.belljar.SandboxEnv;
import dev.belljar.SandboxFs;
import dev.belljar.SandboxInfo;
import dev.belljar.SandboxOptions;
import dev.belljar.SandboxUnavailableException;
import dev.belljar.SpawnOptions;
import dev.belljar.VolumeOptions;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/** A sandbox of a server. Owns the connection to it. */
@SuppressWarnings("FutureReturnValueIgnored") // what hangs on its futures cannot fail
final class RemoteSandbox implements Sandbox {
  private static final long CLOSE_MILLIS = 5_000;
  private static final long KILL_MILLIS = 10_000;

  private final Server server;
  private final Rpc rpc;
  private final String id;
  private final boolean belljar;
  private final RemoteFs fs;
  private final RemoteEnv env;
  private final RemoteDeno deno;
  private final Optional<Map<String, String>> labels;
  private volatile Instant stopAt;

  private RemoteSandbox(
      Server server, Server.Opened opened, Optional<Map<String, String>> labels, Instant stopAt) {
    this.server = server;
    this.labels = labels;
    this.stopAt = stopAt;
    id = opened.handshake().sandboxId();
    belljar = opened.handshake().belljar();
    rpc = new Rpc(opened.socket(), server, id);
    fs = new RemoteFs(rpc);
    env = new RemoteEnv(rpc);
    deno = new RemoteDeno(this, rpc);
    opened.socket().start(rpc);
    opened.socket().gone().thenRunAsync(server::close, Thread::startVirtualThread);
  }

  static RemoteSandbox create(Server server, SandboxOptions options) {
    CreateConfig config = CreateConfig.of(options);
    RemoteSandbox sandbox;
    try {
      sandbox =
          new RemoteSandbox(
              server, server.create(config.json()), Optional.of(options.labels()), config.stopAt());
    } catch (RuntimeException e) {
      server.close();
      throw e;
    }
    try {
      if (!sandbox.belljar && !config.extensions().isEmpty()) {
        throw new InvalidOptionException(
            "The server at "
                + server.name()
                + " is not Belljar's and cannot do: "
                + String.join(", ", config.extensions())
                + ". Leave that at its default.");
      }
      sandbox.env.setAll(options.env());
      return sandbox;
    } catch (RuntimeException e) {
      try (sandbox) {
        sandbox.kill();
      } catch (RuntimeException alsoFailed) {
        e.addSuppressed(alsoFailed);
      }
      throw e;
    }
  }

  static RemoteSandbox connect(Server server, String id) {
    try {
      return new RemoteSandbox(server, server.connect(id), Optional.empty(), Instant.MAX);
    } catch (RuntimeException e) {
      server.close();
      throw e;
    }
  }

  @Override
  public String id() {
    return id;
  }

  /** Of a sandbox that was connected to, the server says them. */
  @Override
  public Map<String, String> labels() {
    if (labels.isPresent()) {
      return labels.get();
    }
    if (belljar) {
      Reply said = described().member("labels");
      return said.absent() ? Map.of() : Map.copyOf(said.texts());
    }
    return server.list(Map.of()).stream()
        .filter(sandbox -> sandbox.id().equals(id))
        .findFirst()
        .map(SandboxInfo::labels)
        .orElse(Map.of());
  }

  @Override
  public SandboxFs fs() {
    return fs;
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
    return RemoteFetch.fetch(rpc, request, OptionalInt.empty());
  }

  @Override
  public GuestConnection dial(int port) {
    if (port < 1 || port > 65_535) {
      throw new InvalidOptionException("A port is 1 to 65535, not " + port + ".");
    }
    needsBelljar("dial");
    return RemoteConnection.dial(rpc, port);
  }

  @Override
  public ChildProcess spawn(String command, SpawnOptions options) {
    if (command.isEmpty() || command.indexOf('\0') >= 0) {
      throw new InvalidOptionException("A command cannot be empty or hold NUL.");
    }
    return Spawn.of(
            this,
            rpc,
            "spawn",
            Json.object("command", command).set("args", Json.array(options.args())),
            options)
        .process();
  }

  /** Of Deno Deploy's machines nothing is known; of Belljar's, what its server says. */
  @Override
  public Isolation isolation() {
    if (!belljar) {
      return new Isolation("remote: " + server.name(), "unknown", false, "unknown", "unknown");
    }
    Reply isolation = described().member("isolation");
    return new Isolation(
        isolation.text("engine"),
        isolation.text("accelerator"),
        isolation.flag("hardware"),
        isolation.text("jail"),
        isolation.text("image"));
  }

  /**
   * As Belljar's server says. Another's word is known only for what this object asked for: a
   * sandbox that was connected to seems to end with its session.
   */
  @Override
  public Instant stopAt() {
    if (belljar) {
      try {
        stopAt = time(described(), stopAt);
      } catch (SandboxClosedException e) {
        // Then it is as it was.
      }
    }
    return stopAt;
  }

  @Override
  public List<EgressRecord> egress() {
    if (!belljar) {
      return List.of();
    }
    Reply said = described().member("egress");
    return said.absent() ? List.of() : said.list().stream().map(RemoteSandbox::egress).toList();
  }

  @Override
  public EgressTotals egressTotals() {
    if (!belljar) {
      return EgressTotals.NONE;
    }
    Reply said = described().member("egress_totals");
    return said.absent()
        ? EgressTotals.NONE
        : new EgressTotals(
            counts(EgressRecord.Verdict.class, said.member("connections")),
            counts(EgressTotals.Limit.class, said.member("limits")),
            said.optionalNumber("open").orElse(0),
            said.optionalNumber("bytes_out").orElse(0),
            said.optionalNumber("bytes_in").orElse(0));
  }

  private static <K extends Enum<K>> Map<K, Long> counts(Class<K> keys, Reply said) {
    Map<K, Long> counts = new EnumMap<>(keys);
    for (K key : keys.getEnumConstants()) {
      counts.put(key, said.optionalNumber(key.name().toLowerCase(Locale.ROOT)).orElse(0));
    }
    return counts;
  }

  @Override
  public Instant extendTimeout(Duration timeout) {
    if (!timeout.isPositive()) {
      throw new InvalidOptionException("A sandbox can be given more time, not " + timeout + ".");
    }
    if (labels.isPresent() && stopAt.equals(Instant.MAX)) {
      return stopAt;
    }
    long wanted = Instant.now().plus(timeout).toEpochMilli();
    stopAt = time(asked(() -> server.extend(id, wanted)), stopAt);
    return stopAt;
  }

  @Override
  public void pause() {
    needsBelljar("pause");
    asked(() -> server.command(id, "pause", Json.object()));
  }

  @Override
  public void resume() {
    needsBelljar("resume");
    asked(() -> server.command(id, "resume", Json.object()));
  }

  @Override
  public boolean isPaused() {
    if (!belljar) {
      return false;
    }
    Reply said = described().member("paused");
    return !said.absent() && said.flag();
  }

  @Override
  public Checkpoint checkpoint(String slug) {
    needsBelljar("checkpoint");
    VolumeOptions.checkSlug(slug);
    return RemoteStorage.checkpoint(
        asked(() -> server.command(id, "checkpoint", Json.object("slug", slug))));
  }

  @Override
  public String awaitEnd() {
    try {
      return rpc.wanted(rpc.ended().copy()).get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BelljarException("Interrupted while waiting for sandbox " + id + " to end.", e);
    } catch (ExecutionException e) {
      throw new AssertionError("it only ever completes", e);
    }
  }

  @Override
  public void kill() {
    if (rpc.ended().isDone()) {
      return;
    }
    try {
      asked(
          () -> {
            server.delete(id);
            return id;
          });
    } catch (SandboxClosedException e) {
      // What was wanted.
    }
    try {
      rpc.wanted(rpc.ended().copy()).get(KILL_MILLIS, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException | TimeoutException e) {
      // The server has destroyed it; its socket is closed here.
    }
    rpc.end("it was killed", 0);
  }

  /** Disconnects, which ends a sandbox whose lifetime is its session. */
  @Override
  public void close() {
    rpc.end("it was closed", CLOSE_MILLIS);
  }

  @Override
  public String toString() {
    return "Sandbox " + id + " at " + server.name();
  }

  /** Whether the server is one of Belljar, and knows what other servers do not. */
  boolean isBelljar() {
    return belljar;
  }

  /**
   * Refuses what Deno's protocol cannot say.
   *
   * @param option its name, for the message
   */
  void needsBelljar(String option) {
    if (!belljar) {
      throw new InvalidOptionException(
          "The server at " + server.name() + " is not Belljar's and cannot do '" + option + "'.");
    }
  }

  private Reply described() {
    return asked(() -> server.describe(id));
  }

  /** Where the sandbox ends meanwhile, that is what happened, and not that its server is away. */
  private <T> T asked(Supplier<T> request) {
    if (rpc.ended().isDone()) {
      throw rpc.closed(new IOException("it has ended"));
    }
    try {
      return request.get();
    } catch (SandboxUnavailableException e) {
      if (rpc.ended().isDone()) {
        throw rpc.closed(e);
      }
      throw e;
    }
  }

  private static Instant time(Reply answer, Instant otherwise) {
    if (answer.value().has("stop_at_ms") && answer.member("stop_at_ms").absent()) {
      return Instant.MAX;
    }
    var millis = answer.optionalNumber("stop_at_ms");
    return millis.isPresent() ? Instant.ofEpochMilli(millis.getAsLong()) : otherwise;
  }

  private static EgressRecord egress(Reply record) {
    String verdict = record.text("verdict").toUpperCase(Locale.ROOT);
    return new EgressRecord(
        record.time("time"),
        record.text("host"),
        record.integer("port"),
        record.optionalText("address"),
        switch (verdict) {
          case "ALLOWED" -> EgressRecord.Verdict.ALLOWED;
          case "DENIED" -> EgressRecord.Verdict.DENIED;
          case "LIMITED" -> EgressRecord.Verdict.LIMITED;
          default -> EgressRecord.Verdict.FAILED;
        },
        record.optionalText("reason").orElse(""),
        record.optionalNumber("bytes_out").orElse(0),
        record.optionalNumber("bytes_in").orElse(0),
        Duration.ofMillis(record.optionalNumber("duration_ms").orElse(0)),
        record.member("secrets").absent()
            ? List.of()
            : record.member("secrets").list().stream().map(Reply::text).toList());
  }
}
