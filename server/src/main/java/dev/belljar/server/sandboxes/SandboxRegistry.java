package dev.belljar.server.sandboxes;

import dev.belljar.ByteSize;
import dev.belljar.Checkpoint;
import dev.belljar.InvalidOptionException;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.Storage;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.server.observe.LogContext;
import dev.belljar.server.observe.ServerEvents;
import dev.belljar.server.sandboxes.HostedSandbox.Owner;
import dev.belljar.server.store.SandboxRecord;
import dev.belljar.server.store.Sandboxes;
import dev.belljar.server.store.StoreException;
import dev.belljar.spi.SandboxProvider;
import dev.belljar.spi.Tenant;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All sandboxes of this server. Makes them within the limits of their organization, knows who may
 * see which, and ends them with itself.
 */
public final class SandboxRegistry implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(SandboxRegistry.class);

  /** A client's clock may run ahead of ours: asking for so much more is no mistake. */
  private static final Duration CLOCKS_DIFFER = Duration.ofMinutes(1);

  private static final Duration FIRST_PAUSE = Duration.ofSeconds(1);
  private static final Duration LAST_PAUSE = Duration.ofMinutes(1);

  private final SandboxProvider engine;
  private final Sandboxes records;
  private final Function<String, Limits> limits;
  private final Function<String, Tenant> tenants;
  private final Consumer<SandboxOptions.Builder> everySandbox;
  private final ServerEvents events;
  private final Map<String, HostedSandbox> running = new ConcurrentHashMap<>();
  private final Handover handover = new Handover(running);
  private final Map<String, Integer> counts = new HashMap<>();
  private final AtomicLong ended = new AtomicLong();
  private volatile boolean draining;

  /**
   * A registry without sandboxes.
   *
   * @param engine what makes them
   * @param records where they are remembered
   * @param limits of each organization, by its name
   * @param tenants whose volumes and snapshots those of an organization are, by its name
   * @param everySandbox adds to the options of each sandbox what the operator gives to all
   */
  public SandboxRegistry(
      SandboxProvider engine,
      Sandboxes records,
      Function<String, Limits> limits,
      Function<String, Tenant> tenants,
      Consumer<SandboxOptions.Builder> everySandbox,
      ServerEvents events) {
    this.engine = engine;
    this.records = records;
    this.limits = limits;
    this.tenants = tenants;
    this.everySandbox = everySandbox;
    this.events = events;
    events.sandboxes("running", running::size);
    events.sandboxes("starting", this::starting);
    events.sandboxes("ended", ended::get);
    events.gauge("belljar.sandboxes.paused", "Running sandboxes that are paused", this::paused);
  }

  /**
   * Makes a sandbox and blocks until it answers.
   *
   * @throws RefusedException where it is over a limit, or its options cannot be
   * @throws dev.belljar.SandboxUnavailableException where this host cannot make it; the message may
   *     name files of the host
   * @throws dev.belljar.StorageException where it cannot have a volume, snapshot or checkpoint that
   *     it is to have
   */
  public HostedSandbox create(Owner owner, SandboxRequest request) {
    long began = System.nanoTime();
    Limits bounds = limits.apply(owner.organization());
    reserve(owner.organization(), bounds);
    boolean made = false;
    try {
      HostedSandbox hosted = start(owner, request, bounds);
      made = true;
      if (draining) {
        // Who drains may have looked before it was there. Its end takes it off the count.
        hosted.kill();
        throw refusedWhileDraining();
      }
      events.created(hosted.id(), Duration.ofNanos(System.nanoTime() - began));
      return hosted;
    } catch (InvalidOptionException e) {
      throw new RefusedException(400, "INVALID_CONFIG", String.valueOf(e.getMessage()), e);
    } finally {
      if (!made) {
        release(owner.organization());
      }
    }
  }

  private HostedSandbox start(Owner owner, SandboxRequest request, Limits bounds) {
    Instant now = Instant.now();
    SandboxOptions.Builder builder = request.options();
    everySandbox.accept(builder);
    builder.egressLimitsAtMost(bounds.egress());
    request.stopAt().ifPresent(stopAt -> builder.timeout(lifetime(now, stopAt, bounds)));
    Tenant tenant = tenants.apply(owner.organization());
    SandboxOptions options = complete(builder, tenant);
    long memory = options.memory().bytes() >> 20;
    if (memory > bounds.memoryMib()) {
      throw new RefusedException(
          400,
          "MEMORY_LIMIT_EXCEEDED",
          "This organization's sandboxes may have "
              + bounds.memoryMib()
              + " MiB at most, not "
              + memory
              + ".");
    }
    Sandbox sandbox = make(options, tenant);
    HostedSandbox hosted =
        new HostedSandbox(
            sandbox,
            owner,
            now,
            request.stopAt().isEmpty(),
            options.workingDirectory(),
            this::extended);
    try {
      records.insert(
          SandboxRecord.running(
              sandbox.id(),
              owner.organization(),
              now,
              request.stopAt().map(at -> sandbox.stopAt()),
              sandbox.labels(),
              (int) memory,
              owner.token()));
    } catch (RuntimeException e) {
      sandbox.kill();
      throw e;
    }
    running.put(sandbox.id(), hosted);
    options.checkpoint().ifPresent(checkpoint -> events.forked(sandbox.id(), checkpoint));
    options.root().ifPresent(root -> events.mounted(sandbox.id(), root, "/"));
    options.volumes().forEach((path, volume) -> events.mounted(sandbox.id(), volume, path));
    events.egress().began(sandbox);
    Map<String, String> client = LogContext.copy();
    Thread.ofVirtual()
        .name("end of " + sandbox.id())
        .start(
            () -> {
              LogContext.resume(client);
              awaitEnd(hosted);
            });
    return hosted;
  }

  /** Where it is to have volumes of sandboxes that are ending, when these have ended. */
  private Sandbox make(SandboxOptions options, Tenant tenant) {
    List<String> names =
        Stream.concat(options.root().stream(), options.volumes().values().stream()).toList();
    if (names.isEmpty()) {
      return engine.create(options, tenant);
    }
    return whenFree(
        storage(tenant),
        names,
        () -> {
          if (draining) {
            throw refusedWhileDraining();
          }
          return engine.create(options, tenant);
        });
  }

  /**
   * Does something that needs volumes; where a sandbox has one that is ending already, when that
   * has ended. Blocks for 25 s at most, beside the work itself.
   *
   * @param names ids or slugs of volumes; what is none counts for nothing
   * @throws StorageException as the work does: at once where a volume is had by a sandbox that is
   *     not ending, or by something else
   */
  public <T> T whenFree(Storage storage, Collection<String> names, Supplier<T> work) {
    return handover.whenFree(storage.volumes(), names, work);
  }

  private Storage storage(Tenant tenant) {
    return engine
        .storage(tenant)
        .orElseThrow(
            () ->
                // Such an engine would make a sandbox without them.
                new RefusedException(
                    501,
                    "NOT_SUPPORTED",
                    "This server has neither volumes nor snapshots nor checkpoints."));
  }

  /**
   * Finds out what a checkpoint needs, so that limits apply to that, and holds on to that one:
   * another could have its slug by the time that the sandbox is made.
   */
  private SandboxOptions complete(SandboxOptions.Builder builder, Tenant tenant) {
    SandboxOptions options = builder.build();
    boolean stored =
        options.root().isPresent()
            || options.checkpoint().isPresent()
            || !options.volumes().isEmpty();
    if (!stored) {
      return options;
    }
    Storage storage = storage(tenant);
    if (options.checkpoint().isEmpty()) {
      return options;
    }
    String name = options.checkpoint().get();
    Checkpoint checkpoint =
        storage
            .checkpoints()
            .get(name)
            .orElseThrow(
                () ->
                    new StorageException(
                        Reason.NOT_FOUND, "There is no checkpoint '" + name + "'."));
    return builder
        .checkpoint(checkpoint.id())
        .memory(new ByteSize(checkpoint.memory()))
        .vcpus(checkpoint.vcpus())
        .build();
  }

  private static RefusedException refusedWhileDraining() {
    return new RefusedException(
        503, "SERVER_DRAINING", "This server is shutting down and takes no new sandboxes.");
  }

  private static Duration lifetime(Instant now, Instant stopAt, Limits bounds) {
    Duration lifetime = Duration.between(now, stopAt);
    if (!lifetime.isPositive()) {
      throw new RefusedException(
          400, "INVALID_CONFIG", "stop_at_ms is in the past; is this client's clock right?");
    }
    if (lifetime.compareTo(bounds.lifetime().plus(CLOCKS_DIFFER)) > 0) {
      throw new RefusedException(
          400,
          "LIFETIME_LIMIT_EXCEEDED",
          "This organization's sandboxes may live "
              + bounds.lifetime().toMinutes()
              + " minutes at most, and be extended later.");
    }
    return lifetime.compareTo(bounds.lifetime()) > 0 ? bounds.lifetime() : lifetime;
  }

  /**
   * The sandbox of that id.
   *
   * @throws RefusedException where there is none that this organization may see, or it has ended
   */
  public HostedSandbox find(String organization, String id) {
    HostedSandbox hosted = running.get(id);
    if (hosted != null && hosted.owner().organization().equals(organization)) {
      return hosted;
    }
    if (hosted == null && isId(id) && records.find(organization, id).isPresent()) {
      throw new RefusedException(410, "SANDBOX_ENDED", "Sandbox " + id + " has ended.");
    }
    throw new RefusedException(404, "SANDBOX_NOT_FOUND", "There is no such sandbox.");
  }

  /** The form that clients check as well. */
  private static boolean isId(String id) {
    return id.matches("sbx_[a-z]{3}_[0-9a-hjkmnp-z]{20}");
  }

  /** The most that an extension gives. */
  public Duration longestExtension(String organization) {
    return limits.apply(organization).lifetime();
  }

  /** All that run. */
  public List<HostedSandbox> running() {
    return List.copyOf(running.values());
  }

  /** Takes no more. */
  public void drain() {
    draining = true;
  }

  /** Whether no more are taken. */
  public boolean draining() {
    return draining;
  }

  private void reserve(String organization, Limits bounds) {
    synchronized (counts) {
      if (draining) {
        throw refusedWhileDraining();
      }
      int count = counts.getOrDefault(organization, 0);
      if (count >= bounds.sandboxes()) {
        throw new RefusedException(
            429,
            "SANDBOX_LIMIT_EXCEEDED",
            "This organization has "
                + bounds.sandboxes()
                + " sandboxes, which is its limit; close one first.");
      }
      counts.put(organization, count + 1);
    }
  }

  private long paused() {
    return running.values().stream().filter(hosted -> hosted.sandbox().isPaused()).count();
  }

  /** Those whose handshake is not done. */
  private int starting() {
    synchronized (counts) {
      int all = counts.values().stream().mapToInt(Integer::intValue).sum();
      return Math.max(0, all - running.size());
    }
  }

  private void release(String organization) {
    synchronized (counts) {
      counts.computeIfPresent(organization, (name, count) -> count == 1 ? null : count - 1);
    }
  }

  private void awaitEnd(HostedSandbox hosted) {
    String reason = hosted.sandbox().awaitEnd();
    running.remove(hosted.id());
    ended.incrementAndGet();
    release(hosted.owner().organization());
    hosted.end("The sandbox has ended: " + reason);
    events.ended(hosted.id(), reason);
    events.egress().ended(hosted.sandbox());
    writeDown(hosted.id(), Instant.now(), reason);
  }

  /** Tries again until it is written: a record without an end would be one that runs for ever. */
  private void writeDown(String id, Instant end, String reason) {
    Duration pause = FIRST_PAUSE;
    while (true) {
      try {
        records.stopped(id, end, reason);
        return;
      } catch (StoreException e) {
        LOG.warn("The end of {} could not be written down: {}", id, e.getMessage());
      }
      if (draining) {
        // The next start ends what is on record.
        return;
      }
      try {
        Thread.sleep(pause);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
      pause = pause.multipliedBy(2).compareTo(LAST_PAUSE) < 0 ? pause.multipliedBy(2) : LAST_PAUSE;
    }
  }

  private void extended(HostedSandbox hosted, Instant until) {
    records.stopAt(hosted.id(), until);
  }

  /** Ends all sandboxes. */
  @Override
  public void close() {
    drain();
    running
        .values()
        .forEach(hosted -> hosted.disconnect(Closing.GOING_AWAY, "The server is shutting down."));
    running.values().forEach(HostedSandbox::kill);
    long until = System.nanoTime() + Duration.ofSeconds(10).toNanos();
    while (!running.isEmpty() && System.nanoTime() < until) {
      try {
        Thread.sleep(5);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }
}
