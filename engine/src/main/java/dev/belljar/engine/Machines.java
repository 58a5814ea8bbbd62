package dev.belljar.engine;

import dev.belljar.PoolOptions;
import dev.belljar.SandboxPool;
import dev.belljar.SandboxUnavailableException;
import dev.belljar.engine.ReadyMachine.Handed;
import dev.belljar.engine.agent.Agent;
import dev.belljar.engine.agent.AgentConnection.IncomingStreams;
import dev.belljar.engine.agent.AgentErrorException;
import dev.belljar.engine.agent.AgentProcess;
import dev.belljar.engine.image.Image;
import dev.belljar.engine.pool.Admission;
import dev.belljar.engine.pool.Admission.Turn;
import dev.belljar.engine.pool.HostMemory;
import dev.belljar.engine.pool.MachinePool;
import dev.belljar.engine.storage.FileTree;
import dev.belljar.engine.storage.RunDirectories;
import dev.belljar.engine.template.Template;
import dev.belljar.engine.vmm.Cgroups;
import dev.belljar.engine.vmm.Jail;
import dev.belljar.engine.vmm.JailUser;
import dev.belljar.engine.vmm.Machine;
import dev.belljar.engine.vmm.MachineDisk;
import dev.belljar.engine.vmm.MachineFiles;
import dev.belljar.engine.vmm.MachineShape;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Where sandboxes get their machines from: the pool, or restored when they are asked for. */
final class Machines implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger("dev.belljar.engine");
  private static final Duration QEMU_LIMIT = Duration.ofSeconds(20);
  private static final Duration ACTIVATION_LIMIT = Duration.ofSeconds(30);

  /** One that waited has nothing to do first. */
  private static final Duration HAND_OVER_LIMIT = Duration.ofSeconds(2);

  /** It has a small share of a host that may be busy. */
  private static final Duration REHEARSAL_LIMIT = Duration.ofSeconds(15);

  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final int ENTROPY_BYTES = 256;

  /**
   * What a machine runs before it waits: under emulation a program is translated as it runs, and so
   * is what the kernel does for it.
   */
  private static final int REHEARSALS = 4;

  private static final String NO_ONE = "belljar";
  private static final int USUAL_PROCESSES = 1024;

  private final Jail jail;
  private final Image image;
  private final RunDirectories runs;
  private final ScheduledExecutorService timer;
  private final SecureRandom random = new SecureRandom();
  private final HostMemory memory = HostMemory.ofThisHost(Cgroups.boundingMemory());
  private final Admission admission =
      new Admission(Runtime.getRuntime().availableProcessors(), PATIENCE, memory);
  private final AtomicReference<@Nullable MachinePool<MachineShape, ReadyMachine>> pool =
      new AtomicReference<>();

  Machines(Jail jail, Image image, RunDirectories runs, ScheduledExecutorService timer) {
    this.jail = jail;
    this.image = image;
    this.runs = runs;
    this.timer = timer;
  }

  /**
   * Who a machine is to be.
   *
   * @param id of the sandbox
   * @param organization whose it is; empty for whoever runs this process
   * @param processes how many it may have
   * @param authorities PEM texts of whom it believes besides the public ones
   */
  record Identity(String id, String organization, int processes, List<String> authorities) {}

  /**
   * A machine that is that sandbox's: nobody had it before, and what makes it one of its own is
   * there. Blocks until it answers.
   *
   * @param network what it reaches
   */
  Handed get(Origin origin, Identity identity, IncomingStreams network) throws IOException {
    if (origin.disks().isEmpty()) {
      Optional<Handed> ready = ready(origin, identity, network);
      if (ready.isPresent()) {
        return ready.get();
      }
    }
    return new Handed(restored(origin, identity, network), Optional.empty());
  }

  /**
   * One that waited. Where that one does not do, no other is tried: what keeps it from answering
   * may keep all of them.
   */
  private Optional<Handed> ready(Origin origin, Identity identity, IncomingStreams network)
      throws IOException {
    MachinePool<MachineShape, ReadyMachine> open = pool.get();
    Optional<ReadyMachine> next =
        open == null ? Optional.empty() : open.take(origin.template().shape());
    if (open == null || next.isEmpty()) {
      return Optional.empty();
    }
    boolean activated = false;
    try {
      if (!next.get().isOf(origin)) {
        LOG.info("A machine that waited is of a template that is gone, and is given up");
        return Optional.empty();
      }
      Handed handed = next.get().handOver(network);
      activate(handed.machine(), identity, HAND_OVER_LIMIT);
      activated = true;
      return Optional.of(handed);
    } catch (IOException e) {
      if (Interruption.causes(e)) {
        throw e;
      }
      LOG.info("A machine that waited was not ready and is given up: {}", e.getMessage());
      return Optional.empty();
    } finally {
      if (!activated) {
        open.discard(next.get());
      }
    }
  }

  private Machine restored(Origin origin, Identity identity, IncomingStreams network)
      throws IOException {
    try (Turn turn = admission.enter(identity.organization)) {
      Machine machine = restore(origin, network);
      try {
        activate(machine, identity, ACTIVATION_LIMIT);
        if (origin.disks().isPresent()) {
          attach(machine, origin.disks().get());
        }
        return machine;
      } catch (IOException | RuntimeException e) {
        if (e instanceof IOException) {
          LOG.warn("A machine that was restored is given up: {}", machine.condition());
        }
        // Its guest may have mounted them, and written to them.
        origin.disks().ifPresent(mounted -> mounted.endUncleanlyAfter(e));
        machine.close();
        throw e;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while others had machines started");
    }
  }

  /** Keeps machines of those shapes ready from now on. */
  SandboxPool open(PoolOptions options, Templates templates) {
    Map<MachineShape, MachinePool.Bounds> sizes = new LinkedHashMap<>();
    options
        .sizes()
        .forEach(
            size ->
                sizes.put(
                    templates.shape(size), new MachinePool.Bounds(size.minimum(), size.maximum())));
    synchronized (pool) {
      if (pool.get() != null) {
        throw new IllegalStateException("This process has a pool of machines already.");
      }
      MachinePool<MachineShape, ReadyMachine> opened =
          MachinePool.open(
              sizes,
              options.longestWait(),
              new Maker(templates, options.deno()),
              new Room(),
              System::nanoTime);
      pool.set(opened);
      return new Open(opened);
    }
  }

  /** What machines of a pool begin as. */
  interface Templates {
    MachineShape shape(PoolOptions.Size size);

    Origin origin(MachineShape shape) throws IOException;
  }

  private ReadyMachine makeReady(Origin origin) throws IOException {
    ReadyMachine ready = ReadyMachine.start(origin, network -> restore(origin, network));
    try {
      // As it will be when a sandbox gets it, with other names and other randomness.
      Identity nobody = new Identity(NO_ONE, "", USUAL_PROCESSES, List.of());
      activate(ready.machine(), nobody, ACTIVATION_LIMIT);
      answering(ready.machine(), ACTIVATION_LIMIT, Machines::rehearse);
      return ready;
    } catch (IOException | RuntimeException | Error e) {
      ready.close();
      throw e;
    }
  }

  private static void rehearse(Agent agent) throws IOException, AgentErrorException {
    for (int i = 0; i < REHEARSALS; i++) {
      runOnce(agent);
    }
  }

  private static void runOnce(Agent agent) throws IOException, AgentErrorException {
    AgentProcess process =
        agent.spawn(
            new AgentProcess.Start(
                List.of("/bin/true"), List.of(), "/", "app", 022, false, true, true, 0, 0));
    try {
      process.exit().get(REHEARSAL_LIMIT.toSeconds(), TimeUnit.SECONDS);
    } catch (ExecutionException | TimeoutException e) {
      throw new IOException("a program in it does not end", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while a machine was made ready");
    }
  }

  private Machine restore(Origin origin, IncomingStreams network) throws IOException {
    Template template = origin.template();
    Path run = runs.create();
    JailUser user = jail.nextUser();
    List<MachineDisk> slots = List.of();
    try {
      if (origin.disks().isPresent()) {
        slots = origin.disks().get().prepare(image, run, user);
      }
      Path disk = run.resolve(MachineFiles.DISK);
      Files.copy(template.emptyDisk(), disk);
      Files.setAttribute(disk, "unix:mode", 0600);
      user.take(disk);
    } catch (IOException | RuntimeException e) {
      FileTree.delete(run);
      throw e;
    }
    MachineFiles files =
        new MachineFiles(
            origin.image().directory(),
            template.directory(),
            Optional.of(template.state()),
            0,
            run,
            user,
            template.disks(),
            slots);
    return Machine.start(jail, template.shape(), files, network, QEMU_LIMIT);
  }

  private void activate(Machine machine, Identity identity, Duration limit) throws IOException {
    answering(
        machine,
        limit,
        agent -> {
          long began = System.nanoTime();
          agent.activate(
              new Agent.Activation(
                  Instant.now(),
                  bytes(ENTROPY_BYTES),
                  hostName(identity.id),
                  HexFormat.of().formatHex(bytes(16)),
                  identity.processes,
                  !admission.isCrowded()));
          LOG.debug("Activated after {} µs", (System.nanoTime() - began) / 1000);
          CaCertificates.install(agent.files(), identity.authorities);
        });
  }

  private void attach(Machine machine, SandboxDisks disks) throws IOException {
    answering(machine, ACTIVATION_LIMIT, agent -> disks.attach(machine));
  }

  private interface Question {
    void ask(Agent agent) throws IOException, AgentErrorException;
  }

  /** A guest that never answers would keep us for ever: ending the connection ends the wait. */
  private void answering(Machine machine, Duration limit, Question question) throws IOException {
    Future<?> end = endAfter(machine, limit);
    try {
      question.ask(machine.agent());
    } catch (AgentErrorException e) {
      throw new IOException("the agent could not be activated (" + e.getMessage() + ")", e);
    } catch (IOException e) {
      machine.checkMonitor();
      throw new IOException((e.getMessage() + " " + machine.complaints()).strip(), e);
    } finally {
      end.cancel(false);
    }
  }

  private Future<?> endAfter(Machine machine, Duration limit) {
    try {
      return AwakeLimit.after(limit, timer, machine.agent()::close);
    } catch (RejectedExecutionException e) {
      throw new SandboxUnavailableException("This process is ending and makes no sandboxes.", e);
    }
  }

  private byte[] bytes(int count) {
    byte[] bytes = new byte[count];
    random.nextBytes(bytes);
    return bytes;
  }

  /** A host name may have 63 characters of letters, digits and hyphens. */
  private static String hostName(String id) {
    return id.replace('_', '-');
  }

  /** Ends what waits; sandboxes have theirs. */
  @Override
  public void close() {
    MachinePool<MachineShape, ReadyMachine> open = pool.get();
    if (open != null) {
      open.close();
    }
  }

  private final class Maker implements MachinePool.Maker<MachineShape, ReadyMachine> {
    private final Templates templates;
    private final boolean deno;

    Maker(Templates templates, boolean deno) {
      this.templates = templates;
      this.deno = deno;
    }

    @Override
    public ReadyMachine make(MachineShape shape) throws IOException {
      return makeReady(templates.origin(shape));
    }

    @Override
    public void improve(ReadyMachine machine) throws IOException {
      if (deno) {
        machine.warm();
      }
    }
  }

  private final class Room implements MachinePool.Room {
    @Override
    public boolean forOneMore() {
      return memory.forOneMore();
    }

    @Override
    public boolean forOneToWait() {
      return memory.forOneToWait();
    }

    @Override
    public boolean isBusy() {
      return admission.isBusy();
    }

    @Override
    public boolean isAwaited() {
      return admission.isAwaited();
    }
  }

  private final class Open implements SandboxPool {
    private final MachinePool<MachineShape, ReadyMachine> opened;

    Open(MachinePool<MachineShape, ReadyMachine> opened) {
      this.opened = opened;
    }

    @Override
    public Status status() {
      return opened.status();
    }

    @Override
    public boolean awaitReady(Duration limit) throws InterruptedException {
      return opened.awaitReady(limit);
    }

    @Override
    public void close() {
      opened.close();
      pool.compareAndSet(opened, null);
    }
  }
}
