package dev.belljar.server.observe;

import dev.belljar.Checkpoint;
import dev.belljar.SandboxPool;
import dev.belljar.SandboxPool.Status;
import dev.belljar.Snapshot;
import dev.belljar.Volume;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What happens on this server, as metrics and as lines of the audit log ({@code dev.belljar.audit};
 * who reached what is logged there by the engine). Who asked is not in the lines: {@link
 * LogContext} puts it on them. Names and values are in docs/operations.md.
 */
public final class ServerEvents implements AutoCloseable {
  private static final Logger AUDIT = LoggerFactory.getLogger("dev.belljar.audit");
  private static final int LONGEST = 200;
  private static final Pattern UNPRINTABLE = Pattern.compile("[\\p{Cc}\\p{Zl}\\p{Zp}\"]");

  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final AtomicInteger sockets = new AtomicInteger();
  private final AtomicLong bytesToClients = new AtomicLong();
  private final AtomicLong bytesFromClients = new AtomicLong();
  private final EgressMeters egress = new EgressMeters(registry);
  private final Timer creates;
  private final Counter processes;

  /**
   * A request that was refused.
   *
   * @param request what was asked for: {@code create}, {@code connect} or {@code other}
   * @param method of HTTP
   * @param path as it was sent, without its query
   * @param from the client's address
   * @param status of HTTP
   * @param code for programs; one of a fixed set
   */
  public record Refusal(
      String request, String method, String path, String from, int status, String code) {}

  /** Events of a server that has just started. */
  public ServerEvents() {
    creates =
        Timer.builder("belljar.create")
            .description("Time from a client's handshake to a sandbox that answers")
            .publishPercentileHistogram()
            .minimumExpectedValue(Duration.ofMillis(5))
            .maximumExpectedValue(Duration.ofSeconds(30))
            .register(registry);
    processes =
        Counter.builder("belljar.processes.started")
            .description("Processes started for clients")
            .register(registry);
    Gauge.builder("belljar.sockets", sockets, AtomicInteger::get)
        .description("Sockets that are open")
        .register(registry);
    FunctionCounter.builder("belljar.bytes.to.clients", bytesToClients, AtomicLong::get)
        .description("Bytes sent to clients on streams, before base64")
        .baseUnit("bytes")
        .register(registry);
    FunctionCounter.builder("belljar.bytes.from.clients", bytesFromClients, AtomicLong::get)
        .description("Bytes that clients sent on streams, after base64")
        .baseUnit("bytes")
        .register(registry);
    new JvmMemoryMetrics().bindTo(registry);
    new JvmThreadMetrics().bindTo(registry);
    new ProcessorMetrics().bindTo(registry);
  }

  /** Publishes a number that is asked for at each scrape. */
  public void gauge(String name, String description, Supplier<Number> value) {
    Gauge.builder(name, value).description(description).register(registry);
  }

  /** Publishes how many sandboxes are in a state; asked for at each scrape. */
  public void sandboxes(String state, Supplier<Number> count) {
    Gauge.builder("belljar.sandboxes", count)
        .description("Sandboxes by state")
        .tag("state", state)
        .register(registry);
  }

  /** Publishes what a pool of machines has and did. */
  public void pool(SandboxPool pool) {
    gauge("belljar.pool.waiting", "Machines that wait", () -> pool.status().waiting());
    counted("taken", "Machines that waited and became sandboxes", pool, Status::taken);
    counted(
        "missed", "Sandboxes of the pool's sizes that found none waiting", pool, Status::missed);
    counted("discarded", "Machines that waited and were given up", pool, Status::discarded);
  }

  private void counted(
      String what, String description, SandboxPool pool, ToLongFunction<Status> count) {
    FunctionCounter.builder("belljar.pool." + what, pool, of -> count.applyAsLong(of.status()))
        .description(description)
        .register(registry);
  }

  /** All metrics in Prometheus' text format. */
  public String scrape() {
    egress.sum();
    return registry.scrape();
  }

  /** What sandboxes carry. */
  public EgressMeters egress() {
    return egress;
  }

  /** Bytes that streams brought to clients. */
  public AtomicLong bytesToClients() {
    return bytesToClients;
  }

  /** Bytes that streams brought from clients. */
  public AtomicLong bytesFromClients() {
    return bytesFromClients;
  }

  /** A socket was opened. */
  public void socketOpened() {
    sockets.incrementAndGet();
  }

  /** A socket was closed. */
  public void socketClosed() {
    sockets.decrementAndGet();
  }

  /** A sandbox was made. */
  public void created(String sandbox, Duration took) {
    creates.record(took);
    AUDIT.info("created sandbox={} ms={}", sandbox, took.toMillis());
  }

  /**
   * A sandbox that was made has a volume, or a snapshot, as its client named it.
   *
   * @param path where; {@code /} where it boots from it
   */
  public void mounted(String sandbox, String volume, String path) {
    AUDIT.info("mounted sandbox={} volume={} path={}", sandbox, quoted(volume), quoted(path));
  }

  /** A sandbox that was made goes on from a checkpoint. */
  public void forked(String sandbox, String checkpoint) {
    AUDIT.info("forked sandbox={} checkpoint={}", sandbox, checkpoint);
  }

  /** A volume was made. */
  public void created(Volume volume, Duration took) {
    stored("create", took);
    AUDIT.info(
        "created volume={} slug={} bytes={} ms={}",
        volume.id(),
        quoted(volume.slug()),
        volume.capacity(),
        took.toMillis());
  }

  /** A volume was deleted, but for its data. */
  public void deleted(Volume volume, Duration took) {
    stored("delete", took);
    AUDIT.info("deleted volume={} slug={}", volume.id(), quoted(volume.slug()));
  }

  /** The deletion of a volume was taken back. */
  public void restored(Volume volume, Duration took) {
    stored("restore", took);
    AUDIT.info("restored volume={} slug={}", volume.id(), quoted(volume.slug()));
  }

  /** A snapshot was made. */
  public void created(Snapshot snapshot, Duration took) {
    stored("snapshot", took);
    AUDIT.info(
        "created snapshot={} slug={} volume={} ms={}",
        snapshot.id(),
        quoted(snapshot.slug()),
        snapshot.volume().id(),
        took.toMillis());
  }

  /** A snapshot was deleted. */
  public void deleted(Snapshot snapshot, Duration took) {
    stored("delete_snapshot", took);
    AUDIT.info("deleted snapshot={} slug={}", snapshot.id(), quoted(snapshot.slug()));
  }

  /** A sandbox was saved. */
  public void created(Checkpoint checkpoint, Duration took) {
    stored("checkpoint", took);
    AUDIT.info(
        "created checkpoint={} slug={} sandbox={} bytes={} ms={}",
        checkpoint.id(),
        quoted(checkpoint.slug()),
        checkpoint.sandbox(),
        checkpoint.allocatedSize(),
        took.toMillis());
  }

  /** A checkpoint was deleted. */
  public void deleted(Checkpoint checkpoint, Duration took) {
    stored("delete_checkpoint", took);
    AUDIT.info("deleted checkpoint={} slug={}", checkpoint.id(), quoted(checkpoint.slug()));
  }

  private void stored(String operation, Duration took) {
    Timer.builder("belljar.storage")
        .description(
            "Time that volumes, snapshots and checkpoints took to make, delete and restore")
        .tag("operation", operation)
        .register(registry)
        .record(took);
  }

  /** A request was refused, by whatever part of the server. */
  public void refused(Refusal refusal) {
    registry
        .counter("belljar.refused", "request", refusal.request(), "code", refusal.code())
        .increment();
    AUDIT.info(
        "refused request={} status={} code={} method={} path={} from={}",
        refusal.request(),
        refusal.status(),
        refusal.code(),
        quoted(refusal.method()),
        quoted(refusal.path()),
        refusal.from());
  }

  /** A client opened another socket on a sandbox. */
  public void connected(String sandbox) {
    AUDIT.info("connected sandbox={}", sandbox);
  }

  /** A program was started. Its arguments may be secrets and are not logged. */
  public void ran(String sandbox, String command) {
    processes.increment();
    AUDIT.info("ran sandbox={} command={}", sandbox, quoted(command));
  }

  /** A client had a sandbox stand still. */
  public void paused(String sandbox) {
    AUDIT.info("paused sandbox={}", sandbox);
  }

  /** A client let a sandbox go on. */
  public void resumed(String sandbox) {
    AUDIT.info("resumed sandbox={}", sandbox);
  }

  /** A client asked for a sandbox's end. */
  public void killed(String sandbox) {
    AUDIT.info("killed sandbox={}", sandbox);
  }

  /** A sandbox has ended. */
  public void ended(String sandbox, String reason) {
    AUDIT.info("ended sandbox={} reason={}", sandbox, quoted(reason));
  }

  /** What others wrote must be neither a line nor a field of its own. */
  private static String quoted(String text) {
    String line = text.length() <= LONGEST ? text : text.substring(0, LONGEST) + "…";
    return '"' + UNPRINTABLE.matcher(line).replaceAll("?") + '"';
  }

  @Override
  public void close() {
    registry.close();
  }
}
